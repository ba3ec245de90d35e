import process from 'node:process'
import { createClient } from '../kit/client.ts'
import type { KeySetServer } from '../kit/key-sets.ts'
import { pinTo } from '../kit/machine.ts'
import { percentile, roundRobin } from '../kit/rounds.ts'
import { sendAll, type Shot, type Traffic } from '../kit/traffic.ts'
import { bodyOf } from '../kit/tokens.ts'
import { open } from './contender.ts'
import { startServer, type ServerProcess } from './server.ts'
import type { Tokens } from './tokens.ts'

/** The loads, in their order: one token, 10,000 in turn, the one again. */
export const shapes = ['one', '10,000', 'one after'] as const
type Shape = (typeof shapes)[number]

/** One round of one load. */
export interface Sample {
  readonly requestsPerSecond: number
  readonly cpuSecondsPer10000: number
  /** CPU against that of the open route in the same round. */
  readonly againstOpen: number
  readonly p99Ms: number
}

/** The figures of one contender. */
export interface Measured {
  readonly name: string
  readonly samples: Readonly<Record<Shape, Sample[]>>
  readonly memoryBytes: number
  /** The wrong answers to what must be refused, or `all`; null without authentication. */
  readonly refused: string | null
  /** Reads of the key set under load, and for 300 unknown keys. */
  readonly fetches: string
}

/** How to measure. */
export interface Plan {
  readonly tokens: Tokens
  readonly keySets: KeySetServer
  /** Of a round. */
  readonly seconds: number
  /** Of one process. */
  readonly rounds: number
  /** How often each contender is started: two processes of one program differ by a tenth and more, as long as they live. */
  readonly processes: number
  /** Gives the servers the first processor and the load the second. */
  readonly pin: boolean
}

const warmUpSeconds = 4
const settlingRounds = 5

interface Running extends Pick<Measured, 'name' | 'samples'> {
  readonly server: ServerProcess
  readonly takeReads: () => number
  /** Requests of a round, so that it takes as long for a slow contender as for a fast one. */
  readonly requests: number
  readonly shots: Readonly<Record<Shape, () => Shot>>
}

/** Measures all contenders of one framework. The first is the one without authentication. */
export async function measureFramework(
  framework: string,
  [base = open, ...names]: readonly string[],
  plan: Plan,
): Promise<Measured[]> {
  const all = new Map<string, Measured>()
  const runs = names.flatMap((name) => Array.from({ length: plan.processes }, () => name))
  for (const name of runs) {
    for (const measured of await measureBeside(framework, [base, name], plan)) {
      const before = all.get(measured.name)
      if (before) addTo(before, measured)
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
 * for others is slow at first. Their short rounds take turns, so that other load on the machine affects both alike. The
 * refusals come after the load.
 */
async function measureBeside(framework: string, names: readonly string[], plan: Plan): Promise<Measured[]> {
  const running: Running[] = []
  if (plan.pin) pinTo(1, process.pid)
  try {
    for (const name of names) running.push(await startWarm(framework, name, plan))
    await runShape(running, 'one', plan)
    // Each token is seen once before it is measured.
    for (const one of running) await load(one.server, plan.tokens.good.length, one.shots['10,000'])
    await runShape(running, '10,000', plan)
    await runShape(running, 'one after', plan)
    const measured: Measured[] = []
    for (const one of running) measured.push(await tryRefusals(one, plan))
    return measured
  } finally {
    for (const { server } of running) await server.stop()
  }
}

/** Starts a contender and runs it until its code is compiled, which takes seconds on one processor. */
async function startWarm(
  framework: string,
  name: string,
  { tokens, keySets, ...plan }: Plan,
): Promise<Running> {
  const reader = `${framework} ${name}`
  const server = await startServer({ framework, name, setup: { keySetUrl: keySets.urlFor(reader) } })
  if (plan.pin) pinTo(0, server.pid)
  const one = roundRobin(tokens.good.slice(0, 1))
  const many = roundRobin(
    name === open ? tokens.good.map((shot) => ({ ...shot, expected: bodyOf(0) })) : tokens.good,
  )
  const cold = await load(server, 4_000, one)
  const warm = await load(server, Math.ceil(cold.requestsPerSecond * warmUpSeconds), one)
  return {
    name,
    server,
    takeReads: () => keySets.takeReads(reader),
    requests: Math.ceil(warm.requestsPerSecond * plan.seconds),
    shots: { one, '10,000': many, 'one after': one },
    samples: { one: [], '10,000': [], 'one after': [] },
  }
}

async function runShape(running: readonly Running[], shape: Shape, { rounds }: Plan): Promise<void> {
  const [base] = running
  if (!base) return
  for (let round = -settlingRounds; round < rounds; round += 1) {
    // Another contender begins each round: the order makes a difference too.
    const turn = Math.abs(round) % running.length
    const seen = new Map<Running, Omit<Sample, 'againstOpen'>>()
    for (const one of [...running.slice(turn), ...running.slice(0, turn)])
      seen.set(one, await runRound(one, shape))
    if (round < 0) continue
    const openCpu = seen.get(base)?.cpuSecondsPer10000 ?? Number.NaN
    for (const [{ samples }, sample] of seen)
      samples[shape].push({ ...sample, againstOpen: sample.cpuSecondsPer10000 / openCpu })
  }
}

async function runRound(
  { server, requests, shots }: Running,
  shape: Shape,
): Promise<Omit<Sample, 'againstOpen'>> {
  const before = await server.usage()
  const { requestsPerSecond, timesMs } = await load(server, requests, shots[shape])
  const { cpuSeconds } = await server.usage()
  const cpuSecondsPer10000 = ((cpuSeconds - before.cpuSeconds) / requests) * 10_000
  return { requestsPerSecond, cpuSecondsPer10000, p99Ms: percentile(timesMs, 0.99) }
}

function load({ ready: { port } }: ServerProcess, count: number, next: () => Shot): Promise<Traffic> {
  return sendAll({ port, connections: 32, count, next })
}

async function tryRefusals(
  { name, server, samples, takeReads }: Running,
  { tokens }: Plan,
): Promise<Measured> {
  const underLoad = takeReads()
  const { memoryBytes } = await server.usage()
  if (name === open) return { name, samples, memoryBytes, refused: null, fetches: '' }
  const client = createClient(server.ready.port)
  const wrong = new Set<string>()
  const tryOne = async (fault: string, token: string) => {
    const { status } = await client.send({ path: '/me', token })
    if (status !== 401 && status !== 403) wrong.add(`${fault}: ${status}`)
  }
  for (const [fault, token] of Object.entries(tokens.bad)) await tryOne(fault, token)
  takeReads()
  for (const token of tokens.unknownKids) await tryOne('unknown key', token)
  client.close()
  const refused = [...wrong].join(', ') || 'all'
  return { name, samples, memoryBytes, refused, fetches: `${underLoad} / ${takeReads()}` }
}
