/**
 * Prints the growth of Perennial's costs: memory, throughput, a key set that changes under load, a flood of invalid tokens,
 * and the start. Prints tables in Markdown, and no figure unless every answer behind it was the expected one.
 */
import { join } from 'node:path'
import { printFlood } from './growth/invalid-flood.ts'
import { printMemory } from './growth/memory.ts'
import { createSessionTokens, type GrowthPlan } from './growth/plan.ts'
import { printRotation } from './growth/rotation.ts'
import { printStartUp } from './growth/start-up.ts'
import { printThroughput } from './growth/throughput.ts'
import { readFlags, requireWhole } from './kit/flags.ts'
import { inFolder } from './kit/machine.ts'

const sections: Readonly<Record<string, (plan: GrowthPlan) => Promise<void>>> = {
  memory: printMemory,
  throughput: printThroughput,
  rotation: printRotation,
  flood: printFlood,
  start: printStartUp,
}

const names = Object.keys(sections).join(',')
const { only, ...flags } = readFlags({ tokens: 100_000, seconds: 2, rounds: 3, pin: false, only: names })
requireWhole({ '--tokens': flags.tokens, '--rounds': flags.rounds })
const chosen = only.split(',')
const unknown = chosen.find((name) => !sections[name])
if (unknown !== undefined) throw new TypeError(`--only takes ${names}, not ${unknown}`)
await inFolder(async (folder) => {
  const count = Math.ceil(flags.tokens * 1.2)
  const issued = await createSessionTokens(`sqlite:${join(folder, 'store.db')}`, count)
  for (const [name, print] of Object.entries(sections))
    if (chosen.includes(name)) await print({ ...flags, folder, issued })
})
