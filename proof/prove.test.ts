import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { run } from '../scripts/run.ts'
import { plantedBugs } from './planted/planted-bugs.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const prove = (...flags: string[]) =>
  run(process.execPath, ['--import', './proof/load-hooks.ts', 'proof/prove.ts', ...flags], root)
/** The small worlds take about a minute each way on two cores. */
const timeout = 600_000

it('no history of the small worlds violates a rule', { timeout }, async () => {
  expect(await prove()).toMatch(/^0 violations$/m)
})

it('each planted bug is found', { timeout }, async () => {
  const printed = await prove('--planted')
  expect(printed).toMatch(
    new RegExp(`^${plantedBugs.length} of ${plantedBugs.length} planted bugs found$`, 'm'),
  )
  expect(plantedBugs.length).toBeGreaterThanOrEqual(15)
})

it.runIf(process.env['PERENNIAL_LONG'])(
  'no history of the large worlds violates a rule',
  { timeout: 3_600_000 },
  async () => {
    expect(await prove('--large')).toMatch(/^0 violations$/m)
  },
)
