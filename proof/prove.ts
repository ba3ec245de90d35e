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

interface Figures {
  readonly states: number
  readonly transitions: number
  readonly depth: number
}

function printFigures(name: string, { states, transitions, depth }: Figures, from: number): void {
  const seconds = ((performance.now() - from) / 1000).toFixed(1)
  const figures = [states, transitions, depth].map((figure) => figure.toLocaleString('en').padStart(9))
  print(`${name.padEnd(26)} ${figures.join(' ')} ${seconds.padStart(7)} s`)
}

/** Explores a world. Returns its figures, or undefined if a rule is violated. */
async function proveWorld(world: World): Promise<Figures | undefined> {
  const from = performance.now()
  const { violation, ...figures } = await explore(world)
  printFigures(world.name, figures, from)
  if (!violation) return figures
  // The search goes deep first, so that its history can have many steps that do not matter.
  const shortest = await searchShortest(world)
  const { rule, history } = shortest.violation ?? violation
  printHistory(rule, history)
  return undefined
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
  const from = performance.now()
  let violations = 0
  let total: Figures = { states: 0, transitions: 0, depth: 0 }
  for (const world of chosen) {
    const figures = await proveWorld(world)
    if (figures) total = sumOf(total, figures)
    else violations++
  }
  printFigures('all', total, from)
  print(`${violations} violations`)
  return violations === 0
}

/** The depth of several worlds is the largest one. */
function sumOf(one: Figures, other: Figures): Figures {
  return {
    states: one.states + other.states,
    transitions: one.transitions + other.transitions,
    depth: Math.max(one.depth, other.depth),
  }
}

async function provePlanted(): Promise<boolean> {
  let found = 0
  const chosen = plantedBugs.filter(({ world }) => values.world === undefined || world === values.world)
  for (const bug of chosen) if (await findPlanted(bug)) found++
  print(`${found} of ${chosen.length} planted bugs found`)
  return found === chosen.length
}

process.exitCode = (await (values.planted ? provePlanted() : prove())) ? 0 : 1
