/**
 * Explores every history of small worlds and prints how many states there are. Ends with status 1 if a rule is violated.
 * `--large` adds the large worlds, `--world NAME` takes one. `--planted` puts one bug at a time into the sources and looks
 * for the shortest history that shows it.
 */
import { parseArgs } from 'node:util'
import { explore } from './explore/explore.ts'
import { searchShortest } from './explore/shortest.ts'
import type { Move, World } from './explore/world.ts'
import { plantedBugs } from './planted/planted-bugs.ts'
import type { PlantedBug } from './planted/planted-bug.ts'

type Size = 'small' | 'large'
interface Worlds {
  readonly createWorlds: (size: Size) => readonly World[]
}

const { values } = parseArgs({
  options: {
    planted: { type: 'boolean', default: false },
    large: { type: 'boolean', default: false },
    world: { type: 'string' },
  },
})

// The code under test throws thousands of errors a second, which nobody reads.
Error.stackTraceLimit = 0

const print = (line: string) => process.stdout.write(`${line}\n`)

function printHistory(rule: string, history: readonly Move[]): void {
  print(`  violated: ${rule}`)
  history.forEach((move, place) => print(`  ${String(place + 1).padStart(3)}. ${move.text}`))
}

async function proveWorld(world: World): Promise<boolean> {
  const from = performance.now()
  const { states, transitions, depth, violation } = await explore(world)
  const seconds = ((performance.now() - from) / 1000).toFixed(1)
  const figures = [states, transitions, depth].map((figure) => figure.toLocaleString('en').padStart(9))
  print(`${world.name.padEnd(26)} ${figures.join(' ')} ${seconds.padStart(7)} s`)
  if (!violation) return true
  // The search goes deep first, so that its history can have many steps that do not matter.
  const shortest = await searchShortest(world)
  const { rule, history } = shortest.violation ?? violation
  printHistory(rule, history)
  return false
}

async function findPlanted(bug: PlantedBug): Promise<boolean> {
  // The type is that of the module without a bug.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { createWorlds } = (await import(`./worlds.ts?planted=${encodeURIComponent(bug.name)}`)) as Worlds
  const world = createWorlds('small').find(({ name }) => name === bug.world)
  if (!world) throw new Error(`there is no world ${bug.world}`)
  const { violation, states } = await searchShortest(world)
  print(
    `${violation ? 'found ' : 'MISSED'}  ${bug.name} (${bug.world}, ${states.toLocaleString('en')} states)`,
  )
  if (violation) printHistory(violation.rule, violation.history)
  return violation !== undefined
}

async function prove(): Promise<boolean> {
  const { createWorlds }: Worlds = await import('./worlds.ts')
  const worlds = createWorlds(values.large ? 'large' : 'small')
  const chosen = worlds.filter(({ name }) => values.world === undefined || name === values.world)
  if (chosen.length === 0) throw new Error(`there is no world ${values.world}`)
  print(`${'world'.padEnd(26)} ${['states', 'moves', 'depth'].map((head) => head.padStart(9)).join(' ')}`)
  let violations = 0
  for (const world of chosen) if (!(await proveWorld(world))) violations++
  print(`${violations} violations`)
  return violations === 0
}

async function provePlanted(): Promise<boolean> {
  let found = 0
  const chosen = plantedBugs.filter(({ world }) => values.world === undefined || world === values.world)
  for (const bug of chosen) if (await findPlanted(bug)) found++
  print(`${found} of ${chosen.length} planted bugs found`)
  return found === chosen.length
}

process.exitCode = (await (values.planted ? provePlanted() : prove())) ? 0 : 1
