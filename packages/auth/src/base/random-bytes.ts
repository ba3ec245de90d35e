import { randomBytes } from 'node:crypto'

import type { RandomBytes } from './secrets.js'

const poolLength = 4096
/** Longer results are secrets, not nonces or ids, and are never cut from a pool. */
const longestPooled = 16

/**
 * Random bytes of the system's generator. Nonces and ids are cut from 4 KiB drawn at once, as Node does for `randomUUID`:
 * a call of the generator costs much more than its bytes. No byte is handed out twice, and none stays in the pool.
 */
export function createRandomBytes(): RandomBytes {
  let pool = new Uint8Array(0)
  let used = 0
  return (length) => {
    if (length > longestPooled) return randomBytes(length)
    if (used + length > pool.length) {
      pool = randomBytes(poolLength)
      used = 0
    }
    // A copy: what is cut out of the pool would share its memory.
    const bytes = new Uint8Array(pool.subarray(used, used + length))
    pool.fill(0, used, used + length)
    used += length
    return bytes
  }
}
