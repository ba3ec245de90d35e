import type { ClaimExpectation, PostgresStoreAddress, RedisStoreAddress } from '@perennial/auth'
import { appIdOf, type Config } from '../config/index.js'
import { checkPostgres } from './check-postgres.js'
import { checkRedis } from './check-redis.js'
import { checkSqlite } from './check-sqlite.js'
import { findingsAbout, type Finding } from './finding.js'

const store = findingsAbout('store')

/** Checks that sessions can be written, and that they survive a restart. */
export async function checkStore(config: Config): Promise<readonly Finding[]> {
  const { store: address, memberstack, perennial } = config
  const isForward = memberstack.kind === 'memberstack' && memberstack.refreshUrl !== undefined
  // Forward mode opens no other store, so its state does not matter.
  if (isForward && (address.kind === 'sqlite' || address.kind === 'memory'))
    return [
      store.ok(
        'not used: forward mode keeps answers for a moment, in memory. Several instances share them with STORE_URL=redis://… or postgres://…',
      ),
    ]
  if (address.kind === 'memory')
    return [
      store.warning('memory: forgets every session at a restart. Set STORE_URL=sqlite:./data/perennial.db'),
    ]
  const expected = expectationOf(config)
  if (address.kind === 'sqlite') return await checkSqlite(address.path, expected)
  const needsSecret = !isForward && perennial.secret === undefined
  return [
    ...(needsSecret ? [noSecret] : []),
    ...(await checkShared(address, { ...expected, prefix: perennial.prefix })),
  ]
}

/** Checks a store that several machines share. */
function checkShared(
  address: RedisStoreAddress | PostgresStoreAddress,
  expected: ClaimExpectation & { readonly prefix: string | undefined },
): Promise<readonly Finding[]> {
  return address.kind === 'redis' ? checkRedis(address, expected) : checkPostgres(address, expected)
}

/** Returns the app and the secret that the store has to be of. With `PERENNIAL_NEW_SECRET`, any secret will do. */
function expectationOf(config: Config): ClaimExpectation {
  const { secret, newSecret } = config.perennial
  return { appId: appIdOf(config), secret: newSecret === undefined ? secret : undefined }
}

const noSecret = store.error(
  'PERENNIAL_SECRET is not set, and the service does not start on a shared store without it. Set PERENNIAL_SECRET="$(openssl rand -base64 32)", the same for all instances.',
)
