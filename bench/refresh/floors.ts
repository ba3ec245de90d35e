/** Endpoints that do less than any refresh endpoint has to: what they cost, no endpoint on their framework can do without. */
import express from 'express'
import fastify from 'fastify'
import { request } from 'undici'
import { portOf } from '../kit/loopback.ts'
import type { Pair } from '../kit/requests.ts'
import type { RefreshServer, Surroundings } from './perennial.ts'
import { upstreamRefreshToken } from './upstream.ts'

/** Answers a refresh token with a pair of tokens. */
type Answer = (refreshToken: string) => Promise<Pair>
type CreateAnswer = (upstreamUrl: string) => Answer

/** Asks the upstream, as the endpoint by hand does, by the client with the least work. */
export const fromUpstream: CreateAnswer = (upstreamUrl) => async (refreshToken) => {
  const { statusCode, body } = await request(`${upstreamUrl}/auth/refresh-token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refreshToken }),
  })
  if (statusCode !== 200) throw new Error('the upstream refuses')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the bench checks each answer
  return (await body.json()) as Pair
}

/** Asks the upstream once for each member, and then gives that access token again: no signature, no store, no call. */
export const fromMemory: CreateAnswer = (upstreamUrl) => {
  const ask = fromUpstream(upstreamUrl)
  const kept = new Map<string, string>()
  return async (refreshToken) => {
    const [contender = '', member = '', generation = ''] = refreshToken.split('.')
    const accessToken = kept.get(member)
    if (accessToken !== undefined) {
      const successor = upstreamRefreshToken(contender, Number(member), Number(generation) + 1)
      return { accessToken, refreshToken: successor }
    }
    const pair = await ask(refreshToken)
    kept.set(member, pair.accessToken)
    return pair
  }
}

/** Serves the answers by Express and its JSON parser. */
export function serveByExpress(createAnswer: CreateAnswer): (surroundings: Surroundings) => RefreshServer {
  return ({ upstreamUrl }) => {
    const answer = createAnswer(upstreamUrl)
    const app = express()
    app.use(express.json())
    // oxlint-disable-next-line oxc/no-async-endpoint-handlers -- Express 5 handles its rejections
    app.post('/v1/auth/refresh-token', async ({ body }, response) => {
      response.json(await answer(body.refreshToken))
    })
    return { listen: () => portOf(app.listen(0, '127.0.0.1')) }
  }
}

/** Serves the answers by Fastify. */
export function serveByFastify(createAnswer: CreateAnswer): (surroundings: Surroundings) => RefreshServer {
  return ({ upstreamUrl }) => {
    const answer = createAnswer(upstreamUrl)
    const app = fastify()
    app.post<{ Body: { refreshToken: string } }>('/v1/auth/refresh-token', ({ body }) =>
      answer(body.refreshToken),
    )
    return {
      listen: async () => Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port),
    }
  }
}
