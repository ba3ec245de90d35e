/**
 * Prints the cost of the refresh endpoint: Perennial's against the one that people write by hand with Express and axios, and
 * the answers to 50 callers that present one refresh token at once. `BENCH_REFRESHES=800` is quick; `--only <name>` runs one
 * row and may be repeated; `--cpu-prof <folder>` writes a CPU profile of each server.
 */
import process from 'node:process'
import { readFlags, requireWhole } from './kit/flags.ts'
import { contenders, rows } from './refresh/contenders.ts'
import { measure } from './refresh/measure.ts'
import { printCosts, printShares } from './refresh/tables.ts'

const { only, cpuProf } = readFlags({ only: [], cpuProf: '' })
const chosen = only.length > 0 ? contenders.filter(({ name }) => only.includes(name)) : rows
if (chosen.length < Math.max(1, only.length)) {
  const names = rows.map(({ name }) => name).join('; ')
  throw new TypeError(`--only takes one of these, and may be repeated: ${names}`)
}
const refreshes = Number(process.env['BENCH_REFRESHES'] ?? 6000)
requireWhole({ BENCH_REFRESHES: refreshes })

// Nothing is printed before every answer was found right.
const measured = await measure(chosen, { refreshes, profileFolder: cpuProf })
printCosts(measured)
process.stdout.write('\n')
printShares(measured)
