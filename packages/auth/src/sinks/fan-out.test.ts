import { describe, expect, it } from 'vitest'
import { createRecorder } from '../../test/kit/recorder.js'
import type { AuthEvent, Telemetry } from '../telemetry/events.js'
import { fanOut } from './fan-out.js'

const event: AuthEvent = {
  event: 'auth_failure',
  timestamp: '2026-01-02T03:04:05.000Z',
  requestId: 'req-1',
  code: 'AUTH_TOKEN_EXPIRED',
  error: 'The access token has expired.',
}

const observation = { target: 'admin', outcome: 'ok', durationSeconds: 0.1 } as const

/** As someone writes it who did not read that a sink returns nothing. */
const asyncSink = (emit: () => unknown): Telemetry => ({ emit: () => emit(), observeUpstream() {} })

describe('fanOut', () => {
  it('gives every sink the same event and observation', () => {
    const [a, b] = [createRecorder(), createRecorder()]
    const telemetry = fanOut([a, b])
    telemetry.emit(event)
    telemetry.observeUpstream(observation)
    expect(a.events).toEqual([event])
    expect(b.events).toEqual([event])
    expect(b.observed).toEqual([observation])
  })

  it('passes an observation of the limits to the sinks that take it', () => {
    const without: Telemetry = { emit() {}, observeUpstream() {} }
    const listening = createRecorder()
    fanOut([without, listening]).observeLimits?.({ counted: 'alone' })
    expect(listening.limits).toEqual([{ counted: 'alone' }])
  })

  it('hides a sink that throws from the caller and from the other sinks, and tells of it', () => {
    const heard = createRecorder()
    const failures: unknown[] = []
    const throwing: Telemetry = {
      emit() {
        throw new Error('emit')
      },
      observeUpstream() {
        throw new Error('observe')
      },
    }
    const telemetry = fanOut([throwing, heard], (error) => failures.push(error))
    telemetry.emit(event)
    telemetry.observeUpstream(observation)
    expect(heard.events).toHaveLength(1)
    expect(heard.observed).toHaveLength(1)
    expect(failures.map(String)).toEqual(['Error: emit', 'Error: observe'])
  })

  it('survives a listener for failures that throws', () => {
    const heard = createRecorder()
    const throwing: Telemetry = {
      emit() {
        throw new Error('sink')
      },
      observeUpstream() {},
    }
    const telemetry = fanOut([throwing, heard], () => {
      throw new Error('listener')
    })
    expect(() => telemetry.emit(event)).not.toThrow()
    expect(heard.events).toHaveLength(1)
  })

  it('catches the rejection of an async sink', async () => {
    const failure = new Promise((resolve) => {
      fanOut([asyncSink(() => Promise.reject(new Error('later')))], resolve).emit(event)
    })
    expect(String(await failure)).toBe('Error: later')
  })

  it('stops calling a sink with 1,000 unsettled promises, and calls it again when they settle', async () => {
    let calls = 0
    let settle = () => {}
    const hanging = asyncSink(() => {
      calls += 1
      return new Promise<void>((resolve) => {
        const before = settle
        settle = () => {
          resolve()
          before()
        }
      })
    })
    const heard = createRecorder()
    const failures: unknown[] = []
    const telemetry = fanOut([hanging, heard], (error) => failures.push(error))
    for (let i = 0; i < 5_000; i += 1) telemetry.emit(event)
    expect(calls).toBe(1_000)
    expect(heard.events).toHaveLength(5_000)
    settle()
    await new Promise(setImmediate)
    telemetry.emit(event)
    expect(calls).toBe(1_001)
    expect(failures.map(String)).toEqual(['Error: a sink with 1000 unsettled promises missed 4000 calls'])
  })

  it('passes on the documented fields alone, so that what slipped into an event goes no further', () => {
    const heard = createRecorder()
    const slipped = { ...event, refreshToken: 'canary', authorization: 'canary', cause: new Error('canary') }
    fanOut([heard]).emit(slipped)
    expect(heard.events).toEqual([event])
  })

  it('cuts each field at 512 characters', () => {
    const heard = createRecorder()
    fanOut([heard]).emit({ ...event, error: 'x'.repeat(100_000), requestId: 'y'.repeat(100_000) })
    expect(heard.events[0]?.error).toHaveLength(512)
    expect(heard.events[0]?.requestId).toHaveLength(512)
  })

  it('lets no sink change what the next one hears', () => {
    const heard = createRecorder()
    const changing: Telemetry = {
      emit: (seen) => void Object.assign(seen, { code: 'changed' }),
      observeUpstream() {},
    }
    fanOut([changing, heard]).emit(event)
    expect(heard.events).toEqual([event])
  })
})
