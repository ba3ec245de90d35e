import { createHash } from 'node:crypto'

/** A Lua script, one atomic step; called by its SHA-1. */
export interface RedisScript {
  readonly lua: string
  readonly sha: string
}

/** @param lua - its text; sent once to each server that does not know it yet */
export function createScript(lua: string): RedisScript {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}
