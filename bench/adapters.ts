/**
 * Prints the cost of a protected route on each framework, beside the same route without authentication and beside other
 * libraries. Ends with an error at the first wrong answer. `--rounds 2` is quick, `--processes 3` steadier, since two processes of
 * one program differ as long as they live; `--only Fastify` takes one framework; `--pin` gives the servers one processor and the
 * load another (Linux).
 */
import process from 'node:process'
import { open } from './adapters/contender.ts'
import { contendersOf, frameworks, startServer } from './adapters/server.ts'
import { readFlags, requireWhole } from './kit/flags.ts'
import { send } from './kit/http.ts'
import { askMe, measureLoad, roundRobin, type LoadFigures, type Shot } from './kit/load.ts'
import { pinTo } from './kit/machine.ts'
import { acceptedShot, bodyOf, memberClaims } from './kit/members.ts'
import { startKeySets } from './kit/memberstack.ts'
import { inTurns, middle, ratioOf } from './kit/rounds.ts'
import { createSigner } from './kit/signer.ts'
import { number, printTable } from './kit/table.ts'

const { only, rounds, processes, pin } = readFlags({ rounds: 8, processes: 1, only: '', pin: false })
requireWhole({ '--rounds': rounds, '--processes': processes })

/** The loads, in their order: one token, 10,000 in turn, the one again. */
const shapes = ['one', '10,000', 'one after'] as const
type Shape = (typeof shapes)[number]
/** One figure, the CPU against that of the open route, is of two processes of the same round. */
type Sample = LoadFigures & { readonly againstOpen: number }

const roundSeconds = 0.2
const settlingRounds = 5
const warmUpSeconds = 4

if (pin) pinTo(1, process.pid)
const [ours, theirs] = [createSigner('RS256', 'bench'), createSigner('RS256', 'bench')]
const keySets = await startKeySets([ours.jwk])
const claims = memberClaims(0)
const { exp: _expiry, ...endless } = claims
const now = Math.floor(Date.now() / 1000)
/** One of each member. */
const good = Array.from({ length: 10_000 }, (_, index) => acceptedShot(ours.sign(memberClaims(index)), index))
/** Tokens that must be refused, by their fault. */
const bad = {
  forged: theirs.sign(claims),
  expired: ours.sign({ ...claims, iat: now - 3000, exp: now - 10 }),
  'no exp': ours.sign(endless),
  'wrong audience': ours.sign({ ...claims, aud: 'app_other' }),
}
/** Tokens that must be refused too: each names a key of its own that does not exist. */
const unknownKids = Array.from({ length: 300 }, (_, index) => theirs.sign(claims, `unknown-${index}`))

for (const framework of only ? [only] : frameworks)
  printFramework(framework, await measureFramework(framework))
keySets.close()

type Running = Awaited<ReturnType<typeof startWarm>>
type Measured = Awaited<ReturnType<typeof tryRefusals>>

/** Measures all contenders of one framework, each beside the one without authentication. */
async function measureFramework(framework: string): Promise<readonly Measured[]> {
  const all = new Map<string, Measured>()
  const names = (await contendersOf(framework)).map(({ name }) => name).filter((name) => name !== open)
  for (const name of names.flatMap((name) => Array.from({ length: processes }, () => name)))
    for (const one of await measureBeside(framework, [open, name]))
      all.set(one.name, add(all.get(one.name), one))
  return [...all.values()]
}

/** Adds the samples of another process. Memory and reads are those of the first. */
function add(first: Measured | undefined, other: Measured): Measured {
  if (!first) return other
  if (first.refused !== other.refused)
    throw new Error(`${first.name} refused ${first.refused}, and then ${other.refused}`)
  for (const shape of shapes) first.samples[shape].push(...other.samples[shape])
  return first
}

/**
 * Measures one contender and the open route, each in a process of its own, and no other beside them: a process that waited
 * for others is slow at first. Their short rounds take turns. The refusals come after the load.
 */
async function measureBeside(framework: string, names: readonly string[]): Promise<Measured[]> {
  const running: Running[] = []
  try {
    for (const name of names) running.push(await startWarm(framework, name))
    for (const shape of shapes) await measureShape(running, shape)
    const measured: Measured[] = []
    for (const one of running) measured.push(await tryRefusals(one))
    return measured
  } finally {
    for (const { server } of running) await server.stop()
  }
}

/** Starts a contender and runs it until its code is compiled, which takes seconds on one processor. */
async function startWarm(framework: string, name: string) {
  const reader = `${framework} ${name}`
  const server = await startServer({ framework, name, keySetUrl: keySets.urlFor(reader) })
  if (pin) pinTo(0, server.pid)
  const one = roundRobin(good.slice(0, 1))
  // The open route answers every member as the first.
  const many = roundRobin(name === open ? good.map((shot) => ({ ...shot, expected: bodyOf(0) })) : good)
  const next: Readonly<Record<Shape, () => Shot>> = { one, '10,000': many, 'one after': one }
  const run = (shape: Shape, count: number) =>
    measureLoad(server, { port: server.ready.port, connections: 32, count, send: askMe(next[shape]) })
  const cold = await run('one', 4_000)
  const warm = await run('one', Math.ceil(cold.requestsPerSecond * warmUpSeconds))
  // A round takes as long for a slow contender as for a fast one.
  const requests = Math.ceil(warm.requestsPerSecond * roundSeconds)
  const samples: Record<Shape, Sample[]> = { one: [], '10,000': [], 'one after': [] }
  return { name, server, requests, run, samples, takeReads: () => keySets.takeReads(reader) }
}

async function measureShape(running: readonly Running[], shape: Shape): Promise<void> {
  // Each token is seen once before it is measured.
  if (shape === '10,000') for (const one of running) await one.run(shape, good.length)
  const round = (one: Running) => one.run(shape, one.requests)
  await inTurns(running, settlingRounds, round)
  const figures = await inTurns(running, rounds, round)
  const [base = []] = figures.values()
  for (const [{ samples }, own] of figures)
    for (const [index, sample] of own.entries()) {
      const againstOpen = ratioOf([sample], base.slice(index), 'cpuSecondsPer10000')
      samples[shape].push({ ...sample, againstOpen })
    }
}

/** Sends what must be refused with 401 or 403, and counts the reads of the key set under load and for 300 unknown keys. */
async function tryRefusals({ name, server, samples, takeReads }: Running) {
  const underLoad = takeReads()
  const { memoryBytes } = await server.usage()
  if (name === open) return { name, samples, memoryBytes, refused: '–', fetches: '–' }
  const wrong = new Set<string>()
  const tryOne = async (fault: string, token: string) => {
    const { status } = await send(server.ready.port, { path: '/me', token })
    if (status !== 401 && status !== 403) wrong.add(`${fault}: ${status}`)
  }
  for (const [fault, token] of Object.entries(bad)) await tryOne(fault, token)
  takeReads()
  for (const token of unknownKids) await tryOne('unknown key', token)
  const refused = [...wrong].join(', ') || 'all'
  return { name, samples, memoryBytes, refused, fetches: `${underLoad} / ${takeReads()}` }
}

function printFramework(framework: string, measured: readonly Measured[]): void {
  const rows = measured.flatMap(({ samples, ...one }) =>
    shapes.map((shape) => ({ ...one, shape, samples: samples[shape], isFirst: shape === shapes[0] })),
  )
  printTable(rows, {
    [framework]: ({ name }) => name,
    tokens: ({ shape }) => shape,
    'CPU s per 10,000': ({ samples }) => middle(samples, 'cpuSecondsPer10000').toFixed(3),
    'against open': ({ samples }) => middle(samples, 'againstOpen').toFixed(2),
    'requests/s': ({ samples }) => number(middle(samples, 'requestsPerSecond')),
    'p99 ms': ({ samples }) => middle(samples, 'p99Ms').toFixed(1),
    'memory MB': ({ isFirst, memoryBytes }) => (isFirst ? (memoryBytes / 1e6).toFixed(0) : ''),
    refused: ({ isFirst, refused }) => (isFirst ? refused : ''),
    'key-set fetches: load / 300 unknown keys': ({ isFirst, fetches }) => (isFirst ? fetches : ''),
  })
}
