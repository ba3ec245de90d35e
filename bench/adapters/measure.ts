import { send } from '../kit/http.ts'
import { askMe, measureLoad, roundRobin, type LoadFigures, type Shot } from '../kit/load.ts'
import { pinTo } from '../kit/machine.ts'
import { bodyOf } from '../kit/members.ts'
import { inTurns } from '../kit/rounds.ts'
import { open } from './contender.ts'
import type { Plan } from './plan.ts'
import { contendersOf, startServer, type ServerProcess } from './server.ts'

/** The loads, in their order: one token, 10,000 in turn, the one again. */
export const shapes = ['one', '10,000', 'one after'] as const
type Shape = (typeof shapes)[number]

/** One round of one load. */
interface Sample extends LoadFigures {
  /** CPU against that of the open route in the same round. */
  readonly againstOpen: number
}

/** The figures of one contender. */
export interface Measured {
  readonly name: string
  readonly samples: Readonly<Record<Shape, Sample[]>>
  readonly memoryBytes: number
  /** The wrong answers to what must be refused, or `all`. */
  readonly refused: string
  /** Reads of the key set under load, and for 300 unknown keys. */
  readonly fetches: string
}

const roundSeconds = 0.2
const settlingRounds = 5
const warmUpSeconds = 4

interface Running extends Pick<Measured, 'name' | 'samples'> {
  readonly server: ServerProcess
  /** Requests of a round, so that it takes as long for a slow contender as for a fast one. */
  readonly requests: number
  readonly takeReads: () => number
  readonly run: (shape: Shape, count: number) => Promise<LoadFigures>
}

/** Measures all contenders of one framework, each beside the one without authentication. */
export async function measureFramework(framework: string, plan: Plan): Promise<readonly Measured[]> {
  const all = new Map<string, Measured>()
  const names = (await contendersOf(framework)).map(({ name }) => name).filter((name) => name !== open)
  for (const name of names.flatMap((name) => Array.from({ length: plan.processes }, () => name))) {
    for (const measured of await measureBeside(framework, [open, name], plan)) {
      const first = all.get(measured.name)
      if (first) addTo(first, measured)
      else all.set(measured.name, measured)
    }
  }
  return [...all.values()]
}

/** Adds the samples of another process. Memory and reads are those of the first. */
function addTo(first: Measured, other: Measured): void {
  if (first.refused !== other.refused)
    throw new Error(`${first.name} refused ${first.refused}, and then ${other.refused}`)
  for (const shape of shapes) first.samples[shape].push(...other.samples[shape])
}

/**
 * Measures one contender and the open route, each in a process of its own, and no other beside them: a process that waited
 * for others is slow at first. Their short rounds take turns. The refusals come after the load.
 */
async function measureBeside(framework: string, names: readonly string[], plan: Plan): Promise<Measured[]> {
  const running: Running[] = []
  try {
    for (const name of names) running.push(await startWarm(framework, name, plan))
    for (const shape of shapes) await measureShape(running, shape, plan)
    const measured: Measured[] = []
    for (const one of running) measured.push(await tryRefusals(one, plan))
    return measured
  } finally {
    for (const { server } of running) await server.stop()
  }
}

/** Starts a contender and runs it until its code is compiled, which takes seconds on one processor. */
async function startWarm(framework: string, name: string, plan: Plan): Promise<Running> {
  const { good, keySets, pin } = plan
  const reader = `${framework} ${name}`
  const server = await startServer({ framework, name, setup: { keySetUrl: keySets.urlFor(reader) } })
  if (pin) pinTo(0, server.pid)
  const one = roundRobin(good.slice(0, 1))
  // The open route answers every member as the first.
  const many = roundRobin(name === open ? good.map((shot) => ({ ...shot, expected: bodyOf(0) })) : good)
  const next: Readonly<Record<Shape, () => Shot>> = { one, '10,000': many, 'one after': one }
  const run = (shape: Shape, count: number) =>
    measureLoad(server, { port: server.ready.port, connections: 32, count, send: askMe(next[shape]) })
  const cold = await run('one', 4_000)
  const warm = await run('one', Math.ceil(cold.requestsPerSecond * warmUpSeconds))
  return {
    name,
    server,
    requests: Math.ceil(warm.requestsPerSecond * roundSeconds),
    takeReads: () => keySets.takeReads(reader),
    run,
    samples: { one: [], '10,000': [], 'one after': [] },
  }
}

async function measureShape(running: readonly Running[], shape: Shape, { rounds, good }: Plan) {
  // Each token is seen once before it is measured.
  if (shape === '10,000') for (const one of running) await one.run(shape, good.length)
  const round = (one: Running) => one.run(shape, one.requests)
  await inTurns(running, settlingRounds, round)
  const figures = await inTurns(running, rounds, round)
  const [base = []] = figures.values()
  for (const [{ samples }, own] of figures)
    for (const [index, sample] of own.entries()) {
      const openCpu = base[index]?.cpuSecondsPer10000 ?? Number.NaN
      samples[shape].push({ ...sample, againstOpen: sample.cpuSecondsPer10000 / openCpu })
    }
}

async function tryRefusals({ name, server, samples, takeReads }: Running, plan: Plan): Promise<Measured> {
  const underLoad = takeReads()
  const { memoryBytes } = await server.usage()
  if (name === open) return { name, samples, memoryBytes, refused: '–', fetches: '–' }
  const wrong = new Set<string>()
  const tryOne = async (fault: string, token: string) => {
    const { status } = await send(server.ready.port, { path: '/me', token })
    if (status !== 401 && status !== 403) wrong.add(`${fault}: ${status}`)
  }
  for (const [fault, token] of Object.entries(plan.bad)) await tryOne(fault, token)
  takeReads()
  for (const token of plan.unknownKids) await tryOne('unknown key', token)
  const refused = [...wrong].join(', ') || 'all'
  return { name, samples, memoryBytes, refused, fetches: `${underLoad} / ${takeReads()}` }
}
