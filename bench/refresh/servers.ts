import { createPerennial, openStore, systemClock, type Perennial, type Store } from '@perennial/auth'
import { authRouter, jwks } from '@perennial/auth/express'
import { silentTelemetry } from '@perennial/auth/telemetry'
import axios, { isAxiosError } from 'axios'
import express, { type Express, type RequestHandler } from 'express'
import { appId, secret } from '../kit/members.ts'
import { upstreamRefreshToken } from './upstream.ts'

/** The addresses that a contender needs. */
export interface Surroundings {
  readonly upstreamUrl: string
  /** The key set of the upstream. */
  readonly upstreamJwks: string
  /** For session mode. */
  readonly storeUrl: string
}

/** A server with `POST /v1/auth/refresh-token`. */
export interface RefreshServer {
  readonly app: Express
  /** Absent where the admin API is not used. */
  readonly setQuota?: (quota: AdminQuotaState) => void
}

/** `lifted`: every refresh asks the admin API. `used_up`: none does, and the last known answer serves. */
export type AdminQuotaState = 'lifted' | 'used_up'

/** More than the bench sends: all its requests come from one address. */
const unlimited = 1_000_000_000
const rateLimits = { ipPerMinute: unlimited, ipTotalPerMinute: unlimited, sessionPerMinute: unlimited }
const secretKey = 'sk_bench'

/** The options of both modes. */
const shared = { secret, rateLimits, telemetry: silentTelemetry }

/** Starts the endpoint that people write by hand: a route, one call, and the tokens are passed on. */
export function startByHand({ upstreamUrl }: Surroundings): RefreshServer {
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
export async function startForward({ upstreamUrl, upstreamJwks }: Surroundings): Promise<RefreshServer> {
  const refreshUrl = `${upstreamUrl}/auth/refresh-token`
  const memberstack = { appId, jwks: upstreamJwks, refreshUrl }
  return { app: mount(await createPerennial({ store: 'memory:', ...shared, memberstack })) }
}

/** Starts Perennial in session mode. */
export async function startSession({ storeUrl, upstreamUrl }: Surroundings): Promise<RefreshServer> {
  let quota: AdminQuotaState = 'lifted'
  const store = withoutQuota(await openStore(storeUrl, { clock: systemClock }), () => quota)
  const perennial = await createPerennial({
    store,
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

/**
 * Replaces the quota of the admin API, 25 requests a second. The bench refreshes far more often than the members behind one
 * quota would, so it decides which refreshes may ask. The rest of the store is unchanged.
 */
function withoutQuota(store: Store, quota: () => AdminQuotaState): Store {
  return {
    ...store,
    shareAdminQuota: () => ({
      take: async () =>
        quota() === 'lifted'
          ? { kind: 'granted', free: () => {} }
          : { kind: 'refused', retryAfterSeconds: 1 },
      pause: () => {},
    }),
  }
}

/** Starts a server whose fifth answer is for another member: it refreshes with that member's token. */
export function startLiar(surroundings: Surroundings): RefreshServer {
  let requests = 0
  const lie: RequestHandler = (request, _response, next) => {
    requests += 1
    if (requests === 5) request.body.refreshToken = upstreamRefreshToken('liar', 1, 0)
    next()
  }
  return { app: express().use(express.json(), lie, startByHand(surroundings).app) }
}
