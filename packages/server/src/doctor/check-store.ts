import type { ClaimExpectation } from '@perennial/auth'
import { appIdOf, type Config } from '../config/index.js'
import { checkRedis } from './check-redis.js'
import { checkSqlite } from './check-sqlite.js'
import { findingsAbout, type Finding } from './finding.js'

const store = findingsAbout('store')

/** Checks that sessions can be written, and that they survive a restart. */
export async function checkStore(config: Config): Promise<readonly Finding[]> {
  const { store: address, memberstack, perennial } = config
  const isForward = memberstack.kind === 'memberstack' && memberstack.refreshUrl !== undefined
  // Forward mode opens no other store, so its state does not matter.
  if (isForward && address.kind !== 'redis')
    return [
      store.ok(
        'not used: forward mode keeps answers for a moment, in memory. Several instances share them with STORE_URL=redis://…',
      ),
    ]
  const hasSecret = isForward || perennial.secret !== undefined
  if (address.kind === 'redis')
    return [
      ...(hasSecret ? [] : [noSecretForRedis]),
      ...(await checkRedis(address, { ...expectationOf(config), prefix: perennial.prefix })),
    ]
  if (address.kind === 'memory')
    return [
      store.warning('memory: forgets every session at a restart. Set STORE_URL=sqlite:./data/perennial.db'),
    ]
  return await checkSqlite(address.path, expectationOf(config))
}

/** Returns the app and the secret that the store has to be of. With `PERENNIAL_NEW_SECRET`, any secret will do. */
function expectationOf(config: Config): ClaimExpectation {
  const { secret, newSecret } = config.perennial
  return { appId: appIdOf(config), secret: newSecret === undefined ? secret : undefined }
}

const noSecretForRedis = store.error(
  'PERENNIAL_SECRET is not set, and the service does not start on Redis without it. Set PERENNIAL_SECRET="$(openssl rand -base64 32)", the same for all instances.',
)
