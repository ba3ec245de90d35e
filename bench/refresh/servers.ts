import { createPerennial, openStore, systemClock, type Perennial, type Store } from '@perennial/auth'
import { authRouter, jwks } from '@perennial/auth/express'
import axios, { isAxiosError } from 'axios'
import express, { type Express } from 'express'
import { appId } from '../session-cost/in-process-memberstack.ts'

/** Where things are for a contender. */
export interface Surroundings {
  /** Memberstack's side. */
  readonly upstreamUrl: string
  readonly upstreamJwks: string
  /** For session mode. */
  readonly storeUrl: string
}

/** A server with `POST /v1/auth/refresh-token`. */
export interface RefreshServer {
  readonly app: Express
  /** Whether the admin API may be asked: the bench lifts the quota of 25 requests a second, or uses it up. */
  setQuota(quota: AdminQuotaState): void
}

/** Lifted: every refresh asks. Used up: none does, and the last known answer serves. */
export type AdminQuotaState = 'lifted' | 'used_up'

/** One row of the tables. */
export interface Contender {
  readonly name: string
  /** Where its refresh tokens come from: the upstream, or a sign-in with Perennial. */
  readonly mode: 'upstream' | 'session'
  readonly store?: 'sqlite' | 'redis'
  /** Whether each refresh asks the admin API, or the last known answer serves because the quota is used up. */
  readonly adminQuota?: AdminQuotaState
  readonly start: (surroundings: Surroundings) => Promise<RefreshServer>
}

/** Above anything the bench does: all its requests come from one address. */
const unlimited = 1_000_000_000
const rateLimits = { ipPerMinute: unlimited, ipTotalPerMinute: unlimited, sessionPerMinute: unlimited }
const secretKey = 'sk_bench'

/** The endpoint that people write by hand: their own route, one call, the tokens handed on. */
export async function startByHand({ upstreamUrl }: Surroundings): Promise<RefreshServer> {
  const app = express()
  app.use(express.json())
  // oxlint-disable-next-line oxc/no-async-endpoint-handlers -- as people write it, and Express 5 takes its rejections
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
  return { app, setQuota: () => {} }
}

/** Ours before the same refresh API. */
export async function startForward(surroundings: Surroundings): Promise<RefreshServer> {
  const perennial = await createPerennial({
    store: 'memory:',
    memberstack: {
      appId,
      jwks: surroundings.upstreamJwks,
      refreshUrl: `${surroundings.upstreamUrl}/auth/refresh-token`,
    },
    rateLimits,
  })
  return { app: mount(perennial), setQuota: () => {} }
}

/** Ours as its own refresh API. */
export async function startSession({ storeUrl, upstreamUrl }: Surroundings): Promise<RefreshServer> {
  let quota: AdminQuotaState = 'lifted'
  const store = withoutQuota(await openStore(storeUrl, { clock: systemClock }), () => quota)
  const perennial = await createPerennial({
    store,
    secret: Buffer.alloc(32, 1).toString('base64'),
    memberstack: { appId, secretKey, adminUrl: upstreamUrl },
    rateLimits,
  })
  return {
    app: mount(perennial),
    setQuota: (state) => {
      quota = state
    },
  }
}

/** As the README shows it. */
function mount(perennial: Perennial): Express {
  const app = express()
  app.use('/v1/auth', authRouter(perennial))
  app.get('/.well-known/jwks.json', jwks(perennial))
  return app
}

/**
 * A refresh asks the admin API, 25 times a second at most. The bench refreshes far more often than the members behind one
 * quota ever would, so it decides who may ask; all else of the store is as it was opened.
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
