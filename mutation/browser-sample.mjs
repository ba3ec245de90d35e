/**
 * Draws mutants of the client that its unit tests left alive, and runs its tests in the browser and the worlds of its tabs
 * (`proof/client`) with each: `npm run mutate:browser -- --sample 40 --seed 1`, after `MUTATE_ROOM=client npm run mutate`, whose report
 * it reads. Prints each mutant that survives, and an estimate of the share that is killed.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const copy = join(root, 'mutation/.stryker-tmp/browser-sample')
/** A mutant that makes the tests wait for longer is killed. All of them take less than half as long. */
const timeoutMs = 600_000
/** The bundle's size is not what this is about: it would kill each mutant that is longer. */
const ofSize = ['--exclude', '**/bundle.test.ts']

const { values } = parseArgs({
  options: { sample: { type: 'string', default: '40' }, seed: { type: 'string', default: '1' } },
})
const sample = Number(values.sample)
if (!(Number.isSafeInteger(sample) && sample > 0)) throw new TypeError('--sample is a whole number from 1')
const report = join(root, 'mutation/reports/client.json')
if (!existsSync(report)) throw new Error('there is no report: run MUTATE_ROOM=client npm run mutate first')
const { files } = JSON.parse(readFileSync(report, 'utf8'))
const mutants = Object.entries(files).flatMap(([path, { mutants: ofFile }]) =>
  ofFile.map((mutant) => ({ ...mutant, path })),
)
const countOf = (...statuses) => mutants.filter(({ status }) => statuses.includes(status)).length
const alive = mutants.filter(({ status }) => ['Survived', 'NoCoverage'].includes(status))
const drawn = alive
  .map((mutant) => ({ mutant, rank: digest(`${values.seed} ${mutant.path} ${mutant.id}`) }))
  .toSorted((a, b) => (a.rank < b.rank ? -1 : 1))
  .slice(0, sample)
  .map(({ mutant }) => mutant)

makeCopy()
const worlds = listWorlds()
if (isFound()) throw new Error('the tests fail without a mutant')
const survivors = drawn.filter((mutant, index) => {
  const isKilled = withMutant(mutant, () => isFound())
  const { path, location, mutatorName, replacement } = mutant
  const place = `${path}:${location.start.line}:${location.start.column}`
  console.log(
    `${index + 1}/${drawn.length} ${isKilled ? 'killed  ' : 'SURVIVED'} ${place} ${mutatorName} -> ${replacement}`,
  )
  return !isKilled
})
rmSync(copy, { recursive: true })
print()

function digest(text) {
  return createHash('sha256').update(text).digest('hex')
}

/** Copies the tracked files, so that a run that is cut short leaves the sources as they are. */
function makeCopy() {
  rmSync(copy, { recursive: true, force: true })
  const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0')
  for (const path of tracked.filter(Boolean)) cpSync(join(root, path), join(copy, path))
  for (const folder of ['.', 'packages/auth', 'packages/emulator']) {
    mkdirSync(join(copy, folder), { recursive: true })
    symlinkSync(join(root, folder, 'node_modules'), join(copy, folder, 'node_modules'))
  }
  for (const name of ['auth', 'client', 'emulator', 'server'])
    symlinkSync(join(root, `packages/${name}/dist`), join(copy, `packages/${name}/dist`))
}

function listWorlds() {
  const code = `import { createClientWorlds } from './proof/client/worlds.ts'
console.log(JSON.stringify(createClientWorlds('small').map(({ name }) => name)))`
  const args = ['--import', './proof/load-hooks.ts', '--input-type=module', '-e', code]
  return JSON.parse(execFileSync(process.execPath, args, { cwd: copy, encoding: 'utf8' }))
}

/** Returns true if a test fails, a rule is violated, or the time is over. */
function isFound() {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const hasFailed = (args) =>
    spawnSync(process.execPath, args, { cwd: copy, timeout: timeoutMs }).status !== 0
  return (
    worlds.some((world) =>
      hasFailed(['--import', './proof/load-hooks.ts', 'proof/prove.ts', '--world', world]),
    ) || hasFailed([vitest, 'run', '--bail=1', ...ofSize, 'packages/client'])
  )
}

function withMutant({ path, location: { start, end }, replacement }, run) {
  const at = join(copy, path)
  const source = readFileSync(at, 'utf8')
  const lines = source.split('\n')
  const offsetOf = ({ line, column }) =>
    lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0) + column - 1
  writeFileSync(at, source.slice(0, offsetOf(start)) + replacement + source.slice(offsetOf(end)))
  try {
    return run()
  } finally {
    writeFileSync(at, source)
  }
}

function print() {
  const byUnitTests = countOf('Killed', 'Timeout')
  const share = 1 - survivors.length / drawn.length
  const all = byUnitTests + alive.length
  const estimate = (byUnitTests + alive.length * share) / all
  const percent = (part) => `${(100 * part).toFixed(1)} %`
  console.log(`${byUnitTests} of ${all} mutants are killed by unit tests alone.`)
  console.log(
    `${drawn.length - survivors.length} of ${drawn.length} of the others are killed: ${percent(share)}.`,
  )
  console.log(`Estimate for all: ${percent(estimate)}.`)
}
