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
  /** Requests a round. */
  readonly requests: number
  readonly rounds: number
  /** The servers have the first processor to themselves, and the load the second. */
  readonly isPinned: boolean
}

const warmUpRequests = 10_000
const connections = 32

interface Running extends Pick<Measured, 'name' | 'samples'> {
  readonly server: ContenderProcess
  /** Where in the many tokens the next round goes on. */
  next: number
}

/**
 * All contenders of one framework at once, each in its own process. The rounds go round among them, so that whatever else
 * the machine does strikes them alike; what they refuse is tried afterwards.
 */
export async function measureFramework(
  framework: string,
  names: readonly string[],
  plan: Plan,
): Promise<Measured[]> {
  const running: Running[] = []
  if (plan.isPinned) pinTo(1, process.pid)
  try {
    for (const name of names) {
      const server = await startContender(framework, name, plan)
      if (plan.isPinned) pinTo(0, server.pid)
      running.push({ name, server, samples: { one: [], '10,000': [], 'one after': [] }, next: 0 })
    }
    // Compiled before anything is measured.
    for (const { server } of running) await load(server, warmUpRequests, oneOf(plan))
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

async function runShape(
  running: readonly Running[],
  shape: (typeof shapes)[number],
  plan: Plan,
): Promise<void> {
  for (let round = 0; round < plan.rounds; round += 1) {
    // Another one begins each round: who follows whom makes a difference too.
    const turn = round % running.length
    for (const contender of [...running.slice(turn), ...running.slice(0, turn)]) {
      const shot = shape === '10,000' ? many(contender, plan) : oneOf(plan)
      const before = await contender.server.usage()
      const { requestsPerSecond, timesMs } = await load(contender.server, plan.requests, shot)
      const after = await contender.server.usage()
      const cpuSecondsPer10000 = ((after.cpuSeconds - before.cpuSeconds) / plan.requests) * 10_000
      const p99Ms = percentile(timesMs, 0.99)
      contender.samples[shape].push({ requestsPerSecond, cpuSecondsPer10000, p99Ms })
    }
  }
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
