/**
 * What Perennial costs as it grows: memory, throughput, a key set that changes under load, a flood of invalid tokens, and
 * its start. Prints tables in Markdown, and no figure unless every answer behind it was the expected one.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { printFlood } from './growth/invalid-flood.ts'
import { printSessionMemory, printTokenMemory } from './growth/memory.ts'
import { printRotation } from './growth/rotation.ts'
import { createSessionTokens } from './growth/session-tokens.ts'
import { printStartUp } from './growth/start-up.ts'
import { printThroughput } from './growth/throughput.ts'

const sections = ['memory', 'throughput', 'rotation', 'flood', 'start'] as const

function readNumber(given: string, name: string): number {
  const value = Number(given)
  if (Number.isFinite(value) && value > 0) return value
  throw new TypeError(`--${name} must be a number above 0`)
}

const { values } = parseArgs({
  options: {
    tokens: { type: 'string', default: '100000' },
    requests: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    starts: { type: 'string', default: '7' },
    pin: { type: 'boolean', default: false },
    only: { type: 'string', default: sections.join(',') },
  },
})
const most = readNumber(values.tokens, 'tokens')
const rounds = readNumber(values.rounds, 'rounds')
const seconds = readNumber(values.seconds, 'seconds')
const counts = [1000, 10_000].filter((count) => count < most)
// More than the cache holds.
const beyond = Math.ceil(most * 1.2)
const folder = mkdtempSync(join(tmpdir(), 'perennial-growth-'))
try {
  const storeUrl = `sqlite:${join(folder, 'store.db')}`
  const issued = await createSessionTokens(storeUrl, beyond)
  const shared = { folder, storeUrl, issued }
  const print: Readonly<Record<(typeof sections)[number], () => Promise<void>>> = {
    async memory() {
      await printTokenMemory({ ...shared, counts: [...counts, most, beyond] })
      await printSessionMemory(folder, Math.min(20_000, most))
    },
    throughput: () =>
      printThroughput({
        ...shared,
        counts: [1, Math.min(1000, most), most],
        requests: readNumber(values.requests, 'requests'),
      }),
    rotation: () => printRotation(seconds),
    flood: () => printFlood({ ...shared, seconds, rounds, isPinned: values.pin }),
    start: () => printStartUp({ ...shared, starts: readNumber(values.starts, 'starts') }),
  }
  const wanted = values.only.split(',')
  for (const section of sections) if (wanted.includes(section)) await print[section]()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
