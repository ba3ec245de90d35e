import { createPerennial, openStore, systemClock, type Perennial } from '@perennial/auth'
import { authRouter, jwks } from '@perennial/auth/express'
import { silentTelemetry } from '@perennial/auth/telemetry'
import axios, { isAxiosError } from 'axios'
import express, { type Express, type RequestHandler } from 'express'
import { portOf } from '../kit/loopback.ts'
import { appId, rateLimits, secret, secretKey } from '../kit/members.ts'
import { startProcess, type Started } from '../kit/process.ts'
import { upstreamRefreshToken } from './upstream.ts'

/** The addresses that a contender needs. */
interface Surroundings {
  readonly upstreamUrl: string
  /** The key set of the upstream. */
  readonly upstreamJwks: string
  /** For session mode. */
  readonly storeUrl: string
}

/** `lifted`: every refresh asks the admin API. `used_up`: none does, and the last known answer serves. */
type AdminQuotaState = 'lifted' | 'used_up'

/** A server with `POST /v1/auth/refresh-token`. */
interface RefreshServer {
  readonly app: Express
  /** Absent where the admin API is not used. */
  readonly setQuota?: (quota: AdminQuotaState) => void
}

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
  readonly start: (surroundings: Surroundings) => Promise<RefreshServer> | RefreshServer
}

/** The row that the others are compared with. */
export const byHand: Contender = { name: 'Express + axios, by hand', mode: 'upstream', start: startByHand }

const session = { mode: 'session', start: startSession } as const

const [onSqlite, onRedis] = ['Perennial, session mode, SQLite', 'Perennial, session mode, Redis']

/** The rows of the tables, in their order. */
export const rows: readonly Contender[] = [
  byHand,
  { name: 'Perennial, forward mode', mode: 'upstream', start: startForward },
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
  { name: 'Perennial, session mode, Postgres', store: 'postgres', adminQuota: 'used_up', ...session },
]

/** The rows, and a server that gives one wrong answer of many: with it the bench must fail and print no figure. */
export const contenders: readonly Contender[] = [
  ...rows,
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
  const { app, setQuota } = await contender.start(surroundings)
  const port = await portOf(app.listen(0, '127.0.0.1'))
  return { ready: { port }, answer: (quota) => setQuota?.(quota) }
}

/** The options of both modes. */
const shared = { secret, rateLimits, telemetry: silentTelemetry }

/** Starts the endpoint that people write by hand: a route, one call, and the tokens are passed on. */
function startByHand({ upstreamUrl }: Surroundings): RefreshServer {
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
  return { app }
}

/** Starts Perennial in forward mode, with the same refresh API. */
async function startForward({ upstreamUrl, upstreamJwks }: Surroundings): Promise<RefreshServer> {
  const refreshUrl = `${upstreamUrl}/auth/refresh-token`
  const memberstack = { appId, jwks: upstreamJwks, refreshUrl }
  return { app: mount(await createPerennial({ store: 'memory:', ...shared, memberstack })) }
}

/**
 * Starts Perennial in session mode. The quota of the admin API, 25 requests a second, is replaced: the bench refreshes far more often
 * than the members behind one quota would, so it decides which refreshes may ask. The rest of the store is unchanged.
 */
async function startSession({ storeUrl, upstreamUrl }: Surroundings): Promise<RefreshServer> {
  let quota: AdminQuotaState = 'lifted'
  const perennial = await createPerennial({
    store: {
      ...(await openStore(storeUrl, { clock: systemClock })),
      shareAdminQuota: () => ({
        take: async () =>
          quota === 'lifted'
            ? { kind: 'granted', free: () => {} }
            : { kind: 'refused', retryAfterSeconds: 1 },
        pause: () => {},
      }),
    },
    ...shared,
    memberstack: { appId, secretKey, adminUrl: upstreamUrl },
  })
  return { app: mount(perennial), setQuota: (state) => void (quota = state) }
}

/** Mounts the routes as the README shows it. */
function mount(perennial: Perennial): Express {
  const app = express()
  app.use('/v1/auth', authRouter(perennial))
  app.get('/.well-known/jwks.json', jwks(perennial))
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
  return { app: express().use(express.json(), lie, startByHand(surroundings).app) }
}
