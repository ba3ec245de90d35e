import { describe, expect, it } from 'vitest'
import type { Telemetry, Trace } from '../telemetry/index.js'
import { fanOut } from './fan-out.js'

const operation = { name: 'refresh', attributes: {} } as const

const tracing = (trace: Trace): Telemetry => ({ emit() {}, observeUpstream() {}, trace })

describe('a trace through several sinks', () => {
  it('is none where no sink traces', () => {
    expect(fanOut([{ emit() {}, observeUpstream() {} }]).trace).toBeUndefined()
  })

  it('runs the operation once, inside all of them, with the headers of all', async () => {
    const order: string[] = []
    const sink = (name: string) =>
      tracing(async (_operation, run) => {
        order.push(`${name} begins`)
        const result = await run({ [name]: '1' })
        order.push(`${name} ends`)
        return result
      })
    const result = await fanOut([sink('a'), sink('b')]).trace?.(operation, async (headers) => headers)
    expect(result).toEqual({ a: '1', b: '1' })
    expect(order.slice(0, 2)).toEqual(['a begins', 'b begins'])
    expect(order).toContain('a ends')
  })

  it.each<[string, Trace]>([
    [
      'throws before',
      () => {
        throw new Error('sink')
      },
    ],
    ['never runs it', () => new Promise(() => {})],
    [
      'runs it twice',
      async (_operation, run) => {
        await run({})
        return await run({})
      },
    ],
    [
      'rejects after it',
      async (_operation, run) => {
        await run({})
        throw new Error('sink')
      },
    ],
  ])('runs the operation once if a sink %s', async (_name, trace) => {
    let runs = 0
    const telemetry = fanOut([tracing(trace)])
    const run = async () => {
      runs += 1
      return 'done'
    }
    expect(await telemetry.trace?.(operation, run)).toBe('done')
    expect(runs).toBe(1)
  })

  it('rejects as the operation does', async () => {
    const telemetry = fanOut([tracing((_operation, run) => run({}))])
    const refused = new Error('refused')
    await expect(telemetry.trace?.(operation, () => Promise.reject(refused))).rejects.toBe(refused)
  })
})
