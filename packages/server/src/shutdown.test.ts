import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { stopOnSignals } from './shutdown.js'

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

  it('waits ten seconds and no longer', async () => {
    const { process, exits } = fakeProcess()
    stopOnSignals(process, () => new Promise(() => {}))
    process.emit('SIGTERM')
    await vi.advanceTimersByTimeAsync(9999)
    expect(exits).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(exits).toEqual([1])
  })
})
