import type { StoreAddress } from '@perennial/auth'
import * as v from 'valibot'
import type { Environment } from './environment.js'
import { storeAddress } from './setting-kinds.js'

const example = 'NEW_STORE_URL=redis://redis.example.com:6379/0'

/**
 * Reads `NEW_STORE_URL`, the Redis that `perennial store move` copies to. The service itself does not read it.
 * @throws TypeError with one line that names the variable, what is wrong with it and a good example
 */
export function readNewStoreUrl(env: Environment): Extract<StoreAddress, { kind: 'redis' }> {
  const given = env['NEW_STORE_URL']?.trim()
  if (!given) throw bad('is not set')
  const result = v.safeParse(storeAddress(), given, { abortEarly: true })
  if (!result.success) throw bad(result.issues[0].message)
  if (result.output.kind !== 'redis') throw bad('is not a Redis address: a store moves from SQLite to Redis')
  return result.output
}

function bad(problem: string): TypeError {
  return new TypeError(`NEW_STORE_URL ${problem}. A good example: ${example}`)
}
