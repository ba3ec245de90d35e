/**
 * Prints the cost of the refresh endpoint: Perennial's against the one that people write by hand with Express and axios, and
 * the answers to 50 callers that present one refresh token at once. `BENCH_REFRESHES=800` is quick; `--only <name>` runs one
 * row and may be repeated; `--floors` runs what the frameworks cost by themselves; `--cpu-prof <folder>` writes a CPU profile of each server.
 */
import { join } from 'node:path'
import process from 'node:process'
import { readFlags, requireWhole } from './kit/flags.ts'
import { expectStatus, openConnection, send, type Request } from './kit/http.ts'
import { measureLoad, runLoad, type LoadPlan } from './kit/load.ts'
import { createProver, hasPostgres, type Prover } from './kit/internals.ts'
import { inFolder } from './kit/machine.ts'
import { memberClaims, memberId } from './kit/members.ts'
import { startMeasuredPostgres } from './kit/postgres.ts'
import { hasRedis, startMeasuredRedis } from './kit/redis.ts'
import { pairOf, refreshRequest, signInRequest } from './kit/requests.ts'
import { inTurns, middle, ratioOf } from './kit/rounds.ts'
import { createSigner } from './kit/signer.ts'
import { printTable } from './kit/table.ts'
import { readKeySet, readTokens } from './refresh/answer.ts'
import {
  byHand,
  contenders,
  floors,
  rows,
  slugOf,
  startContender,
  type Contender,
} from './refresh/servers.ts'
import { startUpstream, upstreamRefreshToken, type Upstream } from './refresh/upstream.ts'

/** The refreshes under way at one time, each on a connection and of a session of its own. */
const connections = 32
const rounds = 12
/** The callers that present one refresh token at one time: tabs, requests or instances. */
const callers = 50
/** As durable as SQLite with `synchronous=FULL`: every answered write is on disk. */
const durable = ['--appendonly', 'yes', '--appendfsync', 'always']
/** One in so many answers has its signature verified too; all other checks are made for each. */
const signatureSample = 50

const flags = readFlags({ only: [], cpuProf: '', floors: false })
const { only, cpuProf } = flags
const all = flags.floors ? floors : rows
const chosen = only.length > 0 ? contenders.filter(({ name }) => only.includes(name)) : all
if (chosen.length < Math.max(1, only.length)) {
  const names = [...rows, ...floors.slice(1)].map(({ name }) => name).join('; ')
  throw new TypeError(`--only takes one of these, and may be repeated: ${names}`)
}
const refreshes = Number(process.env['BENCH_REFRESHES'] ?? 6000)
requireWhole({ BENCH_REFRESHES: refreshes })
const warmUp = Math.ceil(refreshes / 2)
const count = Math.ceil(refreshes / rounds)
/** Each connection has eight sessions, in a short run fewer. No two connections share one. */
const members = connections * Math.min(8, Math.ceil(refreshes / 500))

// Nothing is printed before every answer was found right.
print(await inFolder(measure))

type Target = NonNullable<Awaited<ReturnType<typeof startTarget>>>
type Measured = Awaited<ReturnType<typeof measure>>
type Closers = (() => Promise<void> | void)[]

/** Starts all contenders with one upstream, refreshes with each in turn, then lets 50 callers share a token. */
async function measure(folder: string) {
  const closers: Closers = []
  try {
    // Each run begins with the first session again; at the end 50 callers share one refresh.
    const turns = Math.ceil(warmUp / members) + rounds * Math.ceil(count / members) + 1
    const upstream = await startUpstream({ members, turns })
    closers.push(upstream.stop)
    const started = []
    for (const contender of chosen) started.push(await startTarget(contender, upstream, { folder, closers }))
    const targets = started.filter((target) => target !== null)
    for (const target of targets) await runLoad(planOf(target, warmUp))
    const samples = await inTurns(targets, rounds, (target) => measureRound(target, upstream))
    const measured = []
    for (const [target, costs] of samples)
      measured.push({ ...target.contender, costs, shared: await share(target, upstream) })
    return measured
  } finally {
    for (const close of closers.toReversed()) await close()
  }
}

/** Starts the server of a store; undefined for a store without one, null where it is not installed. */
async function startStore({ store, name }: Contender, { closers }: { readonly closers: Closers }) {
  if (store === undefined || store === 'sqlite') return undefined
  if (store === 'redis' ? !hasRedis(name) : !hasPostgres()) return null
  const server =
    store === 'redis' ? await startMeasuredRedis(...durable) : await startMeasuredPostgres('durable')
  closers.push(server.remove)
  return server
}

/** Starts a contender in a process of its own and signs its members in; null where it needs a server that is not installed. */
async function startTarget(
  contender: Contender,
  { ready: { url: upstreamUrl, jwk } }: Upstream,
  { folder, closers }: { readonly folder: string; readonly closers: Closers },
) {
  const store = await startStore(contender, { closers })
  if (store === null) return null
  const upstreamJwks = JSON.stringify({ keys: [jwk] })
  const storeUrl = store?.url ?? `sqlite:${join(folder, slugOf(contender))}.db`
  const server = await startContender(contender, { upstreamUrl, upstreamJwks, storeUrl }, cpuProf)
  closers.push(server.stop)
  const { port } = server.ready
  const sessions = await signIn(contender, port)
  const ownKeys = async () => expectStatus(200, await send(port, { path: '/.well-known/jwks.json' }))
  const keySet = readKeySet(contender.mode === 'session' ? await ownKeys() : upstreamJwks)
  await server.ask(contender.adminQuota ?? 'lifted')
  return { contender, port, store, sessions, keySet, usage: server.usage }
}

/** Signs members in. Without sessions of its own, a contender gets the first refresh tokens of the upstream. */
async function signIn(contender: Contender, port: number) {
  const sessions = []
  const member = createSigner('RS256', 'bench')
  for (let index = 0; index < members; index += 1) {
    const prover = contender.provenBeside === undefined ? undefined : createProver()
    const request = signInRequest(member.sign(memberClaims(index)))
    const refreshToken =
      contender.mode === 'session'
        ? pairOf(201, await send(port, withProof(request, prover, `127.0.0.1:${port}`))).refreshToken
        : upstreamRefreshToken(slugOf(contender), index, 0)
    // As the browser of the member has it: the newest refresh token, and the generation of a session of Perennial.
    sessions.push({ memberId: memberId(index), refreshToken, generation: 1, prover })
  }
  return sessions
}

/** Returns a request with a proof by this key; without a key, the request itself. */
function withProof(request: Request, prover: Prover | undefined, host?: string): Request {
  return { ...request, ...proofFor(request, prover, host) }
}

/** Returns the headers of a proof for a request, by this key; none without a key. */
function proofFor(
  { method = 'GET', path }: Request,
  prover: Prover | undefined,
  host: string = '127.0.0.1',
): Pick<Request, 'headers'> {
  return prover ? { headers: { dpop: prover.prove({ htm: method, htu: `http://${host}${path}` }) } } : {}
}

/**
 * Returns a load that refreshes the sessions in turn, each with its newest refresh token. Its proofs are made here: browsers make theirs, and
 * a client that is busy with signatures would send fewer requests at one time than one without.
 */
function planOf({ port, sessions, keySet }: Target, requests: number): LoadPlan {
  const proofs = Array.from({ length: requests }, (_, index) =>
    proofFor(refreshRequest(''), sessions[index % sessions.length]?.prover),
  )
  return {
    port,
    connections,
    count: requests,
    async send(connection, index) {
      const session = sessions[index % sessions.length]
      if (!session) throw new Error('no sessions')
      const expected = { memberId: session.memberId, presented: session.refreshToken }
      const request = { ...refreshRequest(session.refreshToken), ...proofs[index] }
      const answer = await connection.send(request)
      const sampled = index % signatureSample === 0 ? keySet : undefined
      const tokens = readTokens(answer, { ...expected, keySet: sampled })
      session.refreshToken = tokens.refreshToken
      session.generation = Number(tokens.claims['gen'] ?? 0)
    },
  }
}

/** @throws Error unless the calls of the upstream are those that the name of the row promises */
async function measureRound(target: Target, upstream: Upstream) {
  const { contender, store } = target
  const read = async () => ({ ...(await upstream.ask('calls')), store: await store?.cpuSeconds() })
  const before = await read()
  const figures = await measureLoad(target, planOf(target, count))
  const after = await read()
  const made = { refresh: after.refresh - before.refresh, admin: after.admin - before.admin }
  const wanted = {
    refresh: contender.mode === 'upstream' && !contender.fromMemory ? count : 0,
    admin: contender.adminQuota === 'lifted' ? count : 0,
  }
  if (made.refresh !== wanted.refresh || made.admin !== wanted.admin)
    throw new Error(
      `no figure from errors: for ${count} refreshes "${contender.name}" asked the upstream for ${made.refresh} refreshes and ${made.admin} members`,
    )
  const storeSeconds = (after.store ?? Number.NaN) - (before.store ?? Number.NaN)
  return { ...figures, storeCpuSecondsPer10000: (storeSeconds / count) * 10_000 }
}

/** Presents one refresh token on 50 connections at once. @throws Error if an answer with tokens is wrong */
async function share({ contender, port, sessions: [session], keySet }: Target, upstream: Upstream) {
  if (!session) throw new Error('no sessions')
  const { memberId, refreshToken: presented, generation, prover } = session
  const before = await upstream.ask('calls')
  // All are open before the first request, so that the requests do come at once.
  const open = await Promise.all(Array.from({ length: callers }, () => openConnection(port)))
  const answers = await Promise.all(
    open.map((connection) => connection.send(withProof(refreshRequest(presented), prover))),
  )
  for (const connection of open) connection.close()
  const after = await upstream.ask('calls')
  const good = answers.filter(({ status }) => status === 200)
  const tokens = good.map((answer) => readTokens(answer, { memberId, presented, keySet }))
  const newest = Math.max(0, ...tokens.map(({ claims }) => Number(claims['gen'] ?? 0)))
  return {
    upstreamCalls: after.refresh - before.refresh,
    /** For a session of Perennial: the generations that the newest access token is ahead of the one before. */
    rotations: contender.mode === 'session' ? newest - generation : after.rotated - before.rotated,
    answered: good.length,
    failed: answers.length - good.length,
    /** The number of different refresh tokens in the answers: with more than one, tabs drift apart. */
    refreshTokens: new Set(tokens.map(({ refreshToken }) => refreshToken)).size,
    accessTokens: new Set(tokens.map(({ accessToken }) => accessToken)).size,
  }
}

function print(measured: Measured): void {
  const baseline = measured.find(({ name }) => name === byHand.name)?.costs
  const orDash = (figure: number) => (Number.isNaN(figure) ? '-' : figure.toFixed(2))
  printTable(measured, {
    'refresh endpoint': ({ name }) => name,
    'requests/s': ({ costs }) => middle(costs, 'requestsPerSecond').toFixed(0),
    'CPU s per 10,000': ({ costs }) => middle(costs, 'cpuSecondsPer10000').toFixed(2),
    'against by hand': ({ costs }) => orDash(ratioOf(costs, baseline ?? [], 'cpuSecondsPer10000')),
    'against no proof': ({ provenBeside, costs }) => {
      const beside = measured.find(({ name }) => name === provenBeside)?.costs
      return beside ? ratioOf(costs, beside, 'cpuSecondsPer10000').toFixed(2) : '-'
    },
    'CPU s of Redis or PostgreSQL': ({ costs }) => orDash(middle(costs, 'storeCpuSecondsPer10000')),
    'p99 ms': ({ costs }) => middle(costs, 'p99Ms').toFixed(1),
    'memory MB': ({ costs }) => ((costs.at(-1)?.memoryBytes ?? 0) / 1e6).toFixed(0),
  })
  printTable(measured, {
    [`${callers} callers, one one-use token`]: ({ name }) => name,
    'refreshes asked of the upstream': ({ shared }) => shared.upstreamCalls,
    rotations: ({ shared }) => shared.rotations,
    'answered with tokens': ({ shared }) => shared.answered,
    failed: ({ shared }) => shared.failed,
    'different refresh tokens': ({ shared }) => shared.refreshTokens,
    'different access tokens': ({ shared }) => shared.accessTokens,
  })
}
