import axios, { isAxiosError } from 'axios'
import express, { type Express, type RequestHandler } from 'express'
import { portOf } from '../kit/loopback.ts'
import { secretKey } from '../kit/members.ts'
import { startProcess, type Started } from '../kit/process.ts'
import {
  onExpress,
  onFastify,
  startForward,
  startSession,
  type AdminQuotaState,
  type RefreshServer,
  type Surroundings,
} from './perennial.ts'
import { fromMemory, fromUpstream, serveByExpress, serveByFastify } from './floors.ts'
import { upstreamRefreshToken } from './upstream.ts'

/** One row of the tables. */
export interface Contender {
  readonly name: string
  /** The source of its refresh tokens: the upstream, or a sign-in with Perennial. */
  readonly mode: 'upstream' | 'session'
  readonly store?: 'sqlite' | 'redis' | 'postgres'
  /** The state of the admin API's quota during the load. */
  readonly adminQuota?: AdminQuotaState
  /** The sessions are bound to keys, and each refresh has a DPoP proof. The ratio is to the row of this name. */
  readonly provenBeside?: string
  /** It asks the upstream for the first refresh of each member alone. */
  readonly fromMemory?: boolean
  readonly start: (surroundings: Surroundings) => Promise<RefreshServer> | RefreshServer
}

/** The row that the others are compared with. */
export const byHand: Contender = { name: 'Express + axios, by hand', mode: 'upstream', start: startByHand }

const session = { mode: 'session', start: startSession(onExpress) } as const

const [onSqlite, onRedis] = ['Perennial, session mode, SQLite', 'Perennial, session mode, Redis']

/** The rows of the tables, in their order. */
export const rows: readonly Contender[] = [
  byHand,
  { name: 'Perennial, forward mode', mode: 'upstream', start: startForward(onExpress) },
  { name: onSqlite, store: 'sqlite', adminQuota: 'used_up', ...session },
  {
    name: 'the same, with a DPoP proof',
    store: 'sqlite',
    adminQuota: 'used_up',
    provenBeside: onSqlite,
    ...session,
  },
  { name: 'the same, admin API asked each time', store: 'sqlite', adminQuota: 'lifted', ...session },
  { name: onRedis, store: 'redis', adminQuota: 'used_up', ...session },
  {
    name: 'the same on Redis, with a DPoP proof',
    store: 'redis',
    adminQuota: 'used_up',
    provenBeside: onRedis,
    ...session,
  },
  { name: 'the same on Redis, admin API asked each time', store: 'redis', adminQuota: 'lifted', ...session },
  { name: 'Perennial on Fastify, forward mode', mode: 'upstream', start: startForward(onFastify) },
  {
    name: 'Perennial on Fastify, session mode, SQLite',
    store: 'sqlite',
    adminQuota: 'used_up',
    mode: 'session',
    start: startSession(onFastify),
  },
  { name: 'Perennial, session mode, Postgres', store: 'postgres', adminQuota: 'used_up', ...session },
]

/** The cost of the frameworks by themselves, printed with `--floors`. */
export const floors: readonly Contender[] = [
  byHand,
  { name: 'Express + undici', mode: 'upstream', start: serveByExpress(fromUpstream) },
  { name: 'Express, from memory', mode: 'upstream', fromMemory: true, start: serveByExpress(fromMemory) },
  { name: 'Fastify + undici', mode: 'upstream', start: serveByFastify(fromUpstream) },
  { name: 'Fastify, from memory', mode: 'upstream', fromMemory: true, start: serveByFastify(fromMemory) },
]

/** The rows, the floors, and a server that gives one wrong answer of many: with it the bench must fail and print no figure. */
export const contenders: readonly Contender[] = [
  ...rows,
  ...floors.filter((floor) => !rows.includes(floor)),
  { name: 'answers another member once', mode: 'upstream', start: startLiar },
]

/** Returns the name of a contender as part of a file name or a token. */
export function slugOf({ name }: Contender): string {
  return name.replaceAll(/\W+/g, '-')
}

/** Starts a contender in a process of its own. Its one question sets the state of the quota; `profileFolder`, where not empty, is for a CPU profile of it. */
export function startContender(contender: Contender, surroundings: Surroundings, profileFolder: string) {
  const profile = [`--cpu-prof-dir=${profileFolder}`, `--cpu-prof-name=${slugOf(contender)}.cpuprofile`]
  const nodeFlags = profileFolder ? ['--cpu-prof', ...profile] : []
  const settings = { name: contender.name, ...surroundings }
  return startProcess<{ port: number }, AdminQuotaState>(import.meta.url, settings, { nodeFlags })
}

/** Runs in the process of the contender. */
export async function start({
  name,
  ...surroundings
}: Surroundings & { readonly name: string }): Promise<Started<{ port: number }, AdminQuotaState>> {
  const contender = contenders.find((one) => one.name === name)
  if (!contender) throw new Error(`no contender ${name}`)
  const { listen, setQuota } = await contender.start(surroundings)
  return { ready: { port: await listen() }, answer: (quota) => setQuota?.(quota) }
}

/** Starts the endpoint that people write by hand: a route, one call, and the tokens are passed on. */
function startByHand(surroundings: Surroundings): RefreshServer {
  return serve(createByHand(surroundings))
}

function serve(app: Express): RefreshServer {
  return { listen: () => portOf(app.listen(0, '127.0.0.1')) }
}

function createByHand({ upstreamUrl }: Surroundings): Express {
  const app = express()
  app.use(express.json())
  // oxlint-disable-next-line oxc/no-async-endpoint-handlers -- as people write it; Express 5 handles its rejections
  app.post('/v1/auth/refresh-token', async (request, response) => {
    const { refreshToken } = request.body
    if (!refreshToken) {
      response.status(400).json({ error: 'Refresh token is required' })
      return
    }
    try {
      const { data } = await axios.post(
        `${upstreamUrl}/auth/refresh-token`,
        { refreshToken },
        { headers: { 'X-API-KEY': secretKey } },
      )
      response.json({ accessToken: data.accessToken, refreshToken: data.refreshToken })
    } catch (error) {
      const status = isAxiosError(error) ? (error.response?.status ?? 502) : 500
      response.status(status).json({ error: 'Token refresh failed' })
    }
  })
  return app
}

/** Starts a server whose fifth answer is for another member: it refreshes with that member's token. */
function startLiar(surroundings: Surroundings): RefreshServer {
  let requests = 0
  const lie: RequestHandler = (request, _response, next) => {
    requests += 1
    if (requests === 5) request.body.refreshToken = upstreamRefreshToken('liar', 1, 0)
    next()
  }
  return serve(express().use(express.json(), lie, createByHand(surroundings)))
}
