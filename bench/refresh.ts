/**
 * Prints what the refresh endpoint costs: Perennial's against the one that people write by hand with Express and axios, and
 * what becomes of 50 callers that present one refresh token at once. `BENCH_REFRESHES=800` is quick; `--only <name>` runs
 * one row and may be repeated, `--cpu-prof <folder>` writes a CPU profile of each server.
 */
import process from 'node:process'
import { parseArgs } from 'node:util'
import { contenders, rows } from './refresh/contenders.ts'
import { measure } from './refresh/measure.ts'
import { printCosts, printShares } from './refresh/tables.ts'

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true }, 'cpu-prof': { type: 'string' } },
})
const chosen = values.only ? contenders.filter(({ name }) => values.only?.includes(name)) : rows
if (chosen.length < (values.only?.length ?? 1)) {
  throw new TypeError(
    `--only takes one of these, and may be repeated: ${rows.map(({ name }) => name).join('; ')}`,
  )
}
const refreshes = Number(process.env['BENCH_REFRESHES'] ?? 6000)
if (!(Number.isSafeInteger(refreshes) && refreshes > 0)) {
  throw new TypeError('BENCH_REFRESHES must be a whole number above 0, for example 6000')
}

// Nothing is printed before every answer was found right.
const measured = await measure(chosen, { refreshes, profileFolder: values['cpu-prof'] })
printCosts(measured)
process.stdout.write('\n')
printShares(measured)
