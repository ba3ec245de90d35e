import { describe, expect, it } from 'vitest'
import { readOptions } from './assumptions.ts'
import { sizeOf, type Measured } from './size-of.ts'

const measured: Measured = {
  bytesPerSession: 1024,
  askedCpuSeconds: 0.002,
  unaskedCpuSeconds: 0.001,
  redisCpuSeconds: 0.0001,
  commandsPerRefresh: 5,
  adminPerSignIn: 2,
}
const { assumed } = readOptions([])
const plain = {
  ...assumed,
  liveShare: 1,
  sessionsPerMember: 1,
  peakShare: 1,
  refreshSeconds: 3600,
  sessionDays: 100_000,
  coreShare: 0.5,
  memoryHeadroom: 2,
  gibPerShard: 25,
  vcpuHour: 1,
  gibHour: 1,
}

describe('the sizing table', () => {
  it('multiplies what was measured by what is assumed', () => {
    const size = sizeOf(36_000, plain, measured)
    expect(size.refreshesPerSecond).toBeCloseTo(10)
    expect(size.commandsPerSecond).toBeCloseTo(50)
    expect(size.redisCores).toBeCloseTo(0.001)
    expect(size.sessionsGib).toBeCloseTo((36_000 * 1024) / 2 ** 30)
    expect([size.instances, size.shards, size.addresses]).toEqual([2, 1, 1])
    expect([size.askShare, size.checkedEveryHours, size.staleSeconds]).toEqual([1, 1, 3600])
    // Two instances, two Redis processes, a GiB each.
    expect(size.costPerMonth).toBeCloseTo((2 + 2 + 2) * 730)
  })

  it('gives the quota to sign-ins first and says how rarely a refresh may ask', () => {
    const size = sizeOf(3_600_000, plain, measured)
    expect(size.refreshesPerSecond).toBeCloseTo(1000)
    expect(size.askShare).toBeCloseTo(0.024, 4)
    expect(size.checkedEveryHours).toBeCloseTo(41.7, 1)
    expect(size.instances).toBe(Math.ceil((1000 * (0.024 * 0.002 + 0.976 * 0.001)) / 0.5))
    expect((1 - size.askShare) ** (size.staleSeconds / plain.refreshSeconds)).toBeCloseTo(1e-4, 6)

    const full = sizeOf(3_600_000, { ...plain, sessionDays: 3 }, measured)
    expect([full.askShare, full.checkedEveryHours, full.staleSeconds]).toEqual([0, Infinity, Infinity])
    expect(full.addresses).toBeGreaterThan(size.addresses)
  })

  it('takes more shards for memory or for commands, whichever is more', () => {
    expect(sizeOf(100_000_000, { ...plain, peakShare: 0.001 }, measured).shards).toBe(8)
    expect(sizeOf(100_000_000, { ...plain, gibPerShard: 1000 }, measured).shards).toBe(6)
  })

  it('takes every assumption as a flag, and no other flag', () => {
    expect(readOptions(['--peak-share', '0.5', '--members', '5,6']).assumed.peakShare).toBe(0.5)
    expect(readOptions(['--members', '5,6']).members).toEqual([5, 6])
    expect(() => readOptions(['--peak-share', '0'])).toThrow('--peak-share')
    expect(() => readOptions(['--price', '1'])).toThrow()
  })
})
