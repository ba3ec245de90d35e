import { Agent } from 'node:http'
import process from 'node:process'
import { pinTo } from '../load/pin.ts'
import { percentile, sendAll, type Shot, type Traffic } from '../load/traffic.ts'
import { ask } from './ask.ts'
import { open } from './contender.ts'
import { startContender, type ContenderProcess } from './contender-process.ts'
import type { KeySetServer } from './key-set-server.ts'
import { memberId, type Tokens } from './tokens.ts'

/** Which tokens a load is made of, in the order they come. */
export const shapes = ['one', '10,000', 'one after'] as const

/** One round of one shape. */
export interface Sample {
  readonly requestsPerSecond: number
  readonly cpuSecondsPer10000: number
  /** CPU against that of the open route in the same round. */
  readonly againstOpen: number
  readonly p99Ms: number
}

/** Everything seen of one contender. */
export interface Measured {
  readonly name: string
  readonly samples: Readonly<Record<(typeof shapes)[number], Sample[]>>
  readonly memoryBytes: number
  /** What it let in or failed at, or `all` refused; null without authentication. */
  readonly refused: string | null
  readonly fetches: { readonly underLoad: number; readonly unknownKids: number }
}

export interface Plan {
  readonly tokens: Tokens
  readonly keySets: KeySetServer
  /** Of a round. */
  readonly seconds: number
  /** Of one process. */
  readonly rounds: number
  /** How often each contender is started anew: two processes of one program differ by a tenth and more, for as long as they live. */
  readonly processes: number
  /** The servers have the first processor to themselves, and the load the second. */
  readonly isPinned: boolean
}

const warmUpSeconds = 4
const settlingRounds = 5
const connections = 32

interface Running extends Pick<Measured, 'name' | 'samples'> {
  readonly server: ContenderProcess
  /** Requests of a round, so that it takes as long for slow ones as for quick ones. */
  readonly requests: number
  /** Where in the many tokens the next round goes on. */
  next: number
}

/** Everything seen of all contenders of one framework, the first of which is the open one. */
export async function measureFramework(
  framework: string,
  [base = open, ...names]: readonly string[],
  plan: Plan,
): Promise<Measured[]> {
  const all = new Map<string, Measured>()
  for (const name of names) {
    for (let started = 0; started < plan.processes; started += 1) {
      for (const measured of await measureBeside(framework, [base, name], plan)) {
        const before = all.get(measured.name)
        all.set(measured.name, before ? together(before, measured) : measured)
      }
    }
  }
  return [...all.values()]
}

/** Memory and fetches are those of the first process. */
function together(first: Measured, other: Measured): Measured {
  if (first.refused !== other.refused)
    throw new Error(`${first.name} refused ${first.refused}, and then ${other.refused}`)
  const samples = (shape: (typeof shapes)[number]) => [...first.samples[shape], ...other.samples[shape]]
  const all = { one: samples('one'), '10,000': samples('10,000'), 'one after': samples('one after') }
  return { ...first, samples: all }
}

/**
 * One contender and the open route, each in a process of its own and nobody else beside them: who has to wait for others
 * is slow at first. Their short rounds take turns, so that whatever else the machine does strikes both
 * alike; what is refused is tried afterwards.
 */
async function measureBeside(framework: string, names: readonly string[], plan: Plan): Promise<Measured[]> {
  const running: Running[] = []
  if (plan.isPinned) pinTo(1, process.pid)
  try {
    for (const name of names) {
      const server = await startContender(framework, name, plan)
      if (plan.isPinned) pinTo(0, server.pid)
      const samples = { one: [], '10,000': [], 'one after': [] }
      running.push({ name, server, samples, next: 0, requests: await warmUp(server, plan) })
    }
    await runShape(running, 'one', plan)
    // Seen before: each token once.
    for (const contender of running)
      await load(contender.server, plan.tokens.good.length, many(contender, plan))
    await runShape(running, '10,000', plan)
    await runShape(running, 'one after', plan)
    const measured: Measured[] = []
    for (const contender of running) measured.push(await tryRefusals(contender, plan))
    return measured
  } finally {
    for (const { server } of running) await server.stop()
  }
}

/** Compiled before anything is measured, which takes seconds on a processor of its own; says how many a round are. */
async function warmUp(server: ContenderProcess, plan: Plan): Promise<number> {
  const cold = await load(server, 4_000, oneOf(plan))
  const warm = await load(server, Math.ceil(cold.requestsPerSecond * warmUpSeconds), oneOf(plan))
  return Math.ceil(warm.requestsPerSecond * plan.seconds)
}

async function runShape(
  running: readonly Running[],
  shape: (typeof shapes)[number],
  plan: Plan,
): Promise<void> {
  const [base] = running
  if (!base) return
  for (let round = -settlingRounds; round < plan.rounds; round += 1) {
    // Another one begins each round: who follows whom makes a difference too.
    const turn = Math.abs(round) % running.length
    const seen = new Map<Running, Omit<Sample, 'againstOpen'>>()
    for (const contender of [...running.slice(turn), ...running.slice(0, turn)])
      seen.set(contender, await runRound(contender, shape, plan))
    if (round < 0) continue
    const open = seen.get(base)?.cpuSecondsPer10000 ?? Number.NaN
    for (const [{ samples }, sample] of seen)
      samples[shape].push({ ...sample, againstOpen: sample.cpuSecondsPer10000 / open })
  }
}

async function runRound(
  contender: Running,
  shape: (typeof shapes)[number],
  plan: Plan,
): Promise<Omit<Sample, 'againstOpen'>> {
  const { server, requests } = contender
  const shot = shape === '10,000' ? many(contender, plan) : oneOf(plan)
  const before = await server.usage()
  const { requestsPerSecond, timesMs } = await load(server, requests, shot)
  const after = await server.usage()
  const cpuSecondsPer10000 = ((after.cpuSeconds - before.cpuSeconds) / requests) * 10_000
  return { requestsPerSecond, cpuSecondsPer10000, p99Ms: percentile(timesMs, 0.99) }
}

function load({ port }: ContenderProcess, count: number, next: () => Shot): Promise<Traffic> {
  return sendAll({ port, connections, count, next })
}

const good = (token: string, member: number): Shot => ({ token, status: 200, expected: bodyOf(member) })

function oneOf({ tokens }: Plan): () => Shot {
  const shot = good(tokens.good[0] ?? '', 0)
  return () => shot
}

function many(contender: Running, { tokens }: Plan): () => Shot {
  return () => {
    const index = contender.next++ % tokens.good.length
    return good(tokens.good[index] ?? '', contender.name === open ? 0 : index)
  }
}

function bodyOf(index: number): string {
  return JSON.stringify({ id: memberId(index) })
}

async function tryRefusals({ name, server, samples }: Running, { tokens }: Plan): Promise<Measured> {
  const underLoad = server.keySetFetches()
  const { memoryBytes } = await server.usage()
  if (name === open) {
    return { name, samples, memoryBytes, refused: null, fetches: { underLoad, unknownKids: 0 } }
  }
  const agent = new Agent({ keepAlive: true })
  const wrong: string[] = []
  const tryOne = async (what: string, token: string) => {
    const { status } = await ask(server.port, token, agent)
    if (status !== 401 && status !== 403) wrong.push(`${what}: ${status}`)
  }
  for (const [what, token] of Object.entries(tokens.bad)) await tryOne(what, token)
  const fetchedBefore = server.keySetFetches()
  for (const token of tokens.unknownKids) await tryOne('unknown key', token)
  agent.destroy()
  const unknownKids = server.keySetFetches() - fetchedBefore
  const refused = [...new Set(wrong)].join(', ') || 'all'
  return { name, samples, memoryBytes, refused, fetches: { underLoad, unknownKids } }
}
