import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createTeardown, stopOnSignals } from './shutdown.js'

describe('createTeardown', () => {
  it('stops the part that was started last first, and each part only once', async () => {
    const ended: string[] = []
    const teardown = createTeardown(() => {})
    for (const part of ['store', 'app']) teardown.add(() => Promise.resolve(void ended.push(part)))
    await Promise.all([teardown.run(), teardown.run()])
    await teardown.run()
    expect(ended).toEqual(['app', 'store'])
  })

  it('stops the other parts when one rejects, and reports the error', async () => {
    const ended: string[] = []
    const failures: unknown[] = []
    const teardown = createTeardown((error) => void failures.push(error))
    teardown.add(() => Promise.resolve(void ended.push('store')))
    teardown.add(() => Promise.reject(new Error('stuck')))
    await teardown.run()
    expect(ended).toEqual(['store'])
    expect(failures).toEqual([new Error('stuck')])
  })

  it('stops the other parts when one throws', async () => {
    const ended: string[] = []
    const teardown = createTeardown(() => {})
    teardown.add(() => Promise.resolve(void ended.push('store')))
    teardown.add(() => {
      throw new Error('at once')
    })
    await teardown.run()
    expect(ended).toEqual(['store'])
  })
})

function fakeProcess() {
  const exits: number[] = []
  const process = Object.assign(new EventEmitter(), { exit: (code: number) => void exits.push(code) })
  return { process, exits }
}

describe('stopOnSignals', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  it('closes once, then exits with 0', async () => {
    const { process, exits } = fakeProcess()
    const close = vi.fn(() => Promise.resolve())
    stopOnSignals(process, close)
    process.emit('SIGTERM')
    await vi.advanceTimersByTimeAsync(0)
    expect(close).toHaveBeenCalledTimes(1)
    expect(exits).toEqual([0])
  })

  it('exits with 1 when closing fails', async () => {
    const { process, exits } = fakeProcess()
    stopOnSignals(process, () => Promise.reject(new Error('no')))
    process.emit('SIGINT')
    await vi.advanceTimersByTimeAsync(0)
    expect(exits).toEqual([1])
  })

  it('exits with 1 at the second signal, whichever it is', () => {
    const { process, exits } = fakeProcess()
    stopOnSignals(process, () => new Promise(() => {}))
    process.emit('SIGINT')
    expect(exits).toEqual([])
    process.emit('SIGTERM')
    expect(exits).toEqual([1])
  })

  it('exits with 1 when closing takes ten seconds', async () => {
    const { process, exits } = fakeProcess()
    stopOnSignals(process, () => new Promise(() => {}))
    process.emit('SIGTERM')
    await vi.advanceTimersByTimeAsync(9999)
    expect(exits).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(exits).toEqual([1])
  })
})
