import { createPerennial, openStore, systemClock, type Perennial } from '@perennial/auth'
import { authRouter, jwks } from '@perennial/auth/express'
import { jwks as fastifyJwks, perennialAuth } from '@perennial/auth/fastify'
import { silentTelemetry } from '@perennial/auth/telemetry'
import express from 'express'
import fastify from 'fastify'
import { portOf } from '../kit/loopback.ts'
import { appId, rateLimits, secret, secretKey } from '../kit/members.ts'

/** The addresses that a contender needs. */
export interface Surroundings {
  readonly upstreamUrl: string
  /** The key set of the upstream. */
  readonly upstreamJwks: string
  /** For session mode. */
  readonly storeUrl: string
}

/** `lifted`: every refresh asks the admin API. `used_up`: none does, and the last known answer serves. */
export type AdminQuotaState = 'lifted' | 'used_up'

/** A server with `POST /v1/auth/refresh-token`. */
export interface RefreshServer {
  /** Listens on a free port of the loopback address, and returns it. */
  readonly listen: () => Promise<number>
  /** Absent where the admin API is not used. */
  readonly setQuota?: (quota: AdminQuotaState) => void
}

type StartServer = (surroundings: Surroundings) => Promise<RefreshServer>

/** Mounts Perennial on a framework. Returns the function that listens on a free port and returns it. */
type Mount = (perennial: Perennial) => () => Promise<number>

/** The options of both modes. */
const shared = { secret, rateLimits, telemetry: silentTelemetry }

/** Starts Perennial in forward mode, with the refresh API that the endpoint by hand calls. */
export function startForward(mount: Mount): StartServer {
  return async ({ upstreamUrl, upstreamJwks }) => {
    const refreshUrl = `${upstreamUrl}/auth/refresh-token`
    const memberstack = { appId, jwks: upstreamJwks, refreshUrl }
    return { listen: mount(await createPerennial({ store: 'memory:', ...shared, memberstack })) }
  }
}

/**
 * Starts Perennial in session mode. The quota of the admin API, 25 requests a second, is replaced: the bench refreshes far more often
 * than the members behind one quota would, so it decides which refreshes may ask. The rest of the store is unchanged.
 */
export function startSession(mount: Mount): StartServer {
  return async ({ storeUrl, upstreamUrl }) => {
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
    return { listen: mount(perennial), setQuota: (state) => void (quota = state) }
  }
}

/** Mounts the routes on Express as the README shows it. */
export function onExpress(perennial: Perennial): () => Promise<number> {
  const app = express()
  app.use('/v1/auth', authRouter(perennial))
  app.get('/.well-known/jwks.json', jwks(perennial))
  return () => portOf(app.listen(0, '127.0.0.1'))
}

/** Mounts them on Fastify, as the service does. */
export function onFastify(perennial: Perennial): () => Promise<number> {
  const app = fastify()
  app.register(perennialAuth, { prefix: '/v1/auth', perennial })
  app.get('/.well-known/jwks.json', fastifyJwks(perennial))
  return async () => Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
}
