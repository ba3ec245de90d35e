import type { Config } from '../config/index.js'
import { checkRedis } from './check-redis.js'
import { checkSqlite } from './check-sqlite.js'
import { findingsAbout, type Finding } from './finding.js'

const store = findingsAbout('store')

/** Whether sessions can be written, and whether what was written survives. */
export async function checkStore({ storeUrl, memberstack, perennial }: Config): Promise<readonly Finding[]> {
  const isForward = memberstack.kind === 'memberstack' && memberstack.refreshUrl !== undefined
  const isRedis = storeUrl.startsWith('redis')
  // Nothing is opened there then, so that nothing about it matters.
  if (isForward && !isRedis)
    return [
      store.ok(
        'not used: forward mode keeps answers for a moment, in memory. Several instances share them by STORE_URL=redis://…',
      ),
    ]
  const hasSecret = isForward || perennial.secret !== undefined
  if (isRedis) return [...(hasSecret ? [] : [noSecretForRedis]), ...(await checkRedis(storeUrl))]
  if (storeUrl === 'memory:')
    return [
      store.warning('memory: forgets every session at a restart. Set STORE_URL=sqlite:./data/perennial.db'),
    ]
  return await checkSqlite(storeUrl.slice('sqlite:'.length), { hasSecret })
}

const noSecretForRedis = store.error(
  'PERENNIAL_SECRET is not set, and no service starts on Redis without it. Set PERENNIAL_SECRET="$(openssl rand -base64 32)", the same for all instances.',
)
