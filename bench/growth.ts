/**
 * Prints how the costs of Perennial grow: memory, throughput, a key set that changes under load, a flood of invalid tokens,
 * and the start. Prints tables in Markdown, and no figure unless every answer behind it was the expected one.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { printFlood } from './growth/invalid-flood.ts'
import { printSessionMemory, printTokenMemory } from './growth/memory.ts'
import type { GrowthPlan } from './growth/plan.ts'
import { printRotation } from './growth/rotation.ts'
import { createSessionTokens } from './growth/session-tokens.ts'
import { printStartUp } from './growth/start-up.ts'
import { printThroughput } from './growth/throughput.ts'
import { readFlags, requireWhole } from './kit/flags.ts'

const sections: Readonly<Record<string, (plan: GrowthPlan) => Promise<void>>> = {
  async memory(plan) {
    await printTokenMemory(plan)
    await printSessionMemory(plan)
  },
  throughput: printThroughput,
  rotation: printRotation,
  flood: printFlood,
  start: printStartUp,
}

const { tokens, requests, seconds, rounds, starts, pin, only } = readFlags({
  tokens: 100_000,
  requests: 5000,
  seconds: 2,
  rounds: 3,
  starts: 7,
  pin: false,
  only: Object.keys(sections).join(','),
})
requireWhole({ '--tokens': tokens, '--requests': requests, '--rounds': rounds, '--starts': starts })
const chosen = only.split(',')
const unknown = chosen.find((name) => !sections[name])
if (unknown !== undefined)
  throw new TypeError(`--only takes ${Object.keys(sections).join(', ')}, not ${unknown}`)
const folder = mkdtempSync(join(tmpdir(), 'perennial-growth-'))
try {
  const issued = await createSessionTokens(`sqlite:${join(folder, 'store.db')}`, Math.ceil(tokens * 1.2))
  const plan = { folder, issued, tokens, requests, seconds, rounds, starts, pin }
  for (const [name, print] of Object.entries(sections)) if (chosen.includes(name)) await print(plan)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
