import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { hasRedis, startRedis } from './redis.js'

/** Reads the state of a process from Linux; `null` if it has ended. */
function stateOf(pid: string): string | null {
  const path = `/proc/${pid}/stat`
  const state = existsSync(path) ? /\) (\w)/.exec(readFileSync(path, 'utf8'))?.[1] : undefined
  return state === undefined || state === 'Z' ? null : state
}

// The state of a process that is no child of this one can only be read on Linux.
describe.runIf(hasRedis() && process.platform === 'linux')('a Redis of a test', () => {
  it('has ended with its forks when it is killed, so that its folder can be removed', async () => {
    // The fork needs longer to save three keys than the killed server needs to end.
    const server = await startRedis('--rdb-key-save-delay', '500000')
    await server.admin.mset({ one: '1', two: '2', three: '3' })
    await server.admin.bgsave()
    const savingPid = () =>
      readdirSync(server.directory).flatMap((name) => /^temp-(\d+)\.rdb$/.exec(name)?.[1] ?? [])[0]
    await expect.poll(savingPid).toBeDefined()
    const pid = savingPid() ?? ''
    expect(stateOf(pid)).not.toBeNull()
    await server.kill()
    expect(stateOf(pid)).toBeNull()
    await server.remove()
    expect(existsSync(server.directory)).toBe(false)
  })
})
