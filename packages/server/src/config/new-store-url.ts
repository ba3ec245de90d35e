import * as v from 'valibot'
import type { Environment } from './environment.js'
import { storeUrl } from './setting-kinds.js'

const example = 'NEW_STORE_URL=redis://redis.example.com:6379/0'

/**
 * Where `perennial store move` moves to: `NEW_STORE_URL`, which the service itself does not read.
 * @throws TypeError with one line, as for every bad value
 */
export function readNewStoreUrl(env: Environment): string {
  const given = env['NEW_STORE_URL']?.trim()
  if (!given) throw new TypeError(`NEW_STORE_URL is not set. A good example: ${example}`)
  const result = v.safeParse(storeUrl(), given, { abortEarly: true })
  if (!result.success)
    throw new TypeError(`NEW_STORE_URL ${result.issues[0].message}. A good example: ${example}`)
  if (!given.startsWith('redis'))
    throw new TypeError(
      `NEW_STORE_URL is no Redis: a store moves from SQLite to Redis. A good example: ${example}`,
    )
  return given
}
