import { describe, expect, it } from 'vitest'
import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { AuthRequest } from './auth-request.js'
import { createAuthEndpoint, type AuthEndpointParts, type Route } from './endpoints.js'
import { json } from './auth-response.js'
import { createBodyTransport } from './refresh-token-transport.js'

const request = (path = '/good'): AuthRequest => ({
  method: 'GET',
  path,
  ip: '192.0.2.1',
  requestId: 'req-1',
  header: () => undefined,
  readBody: async () => ({ kind: 'bytes', bytes: new Uint8Array() }),
})
const limited = () =>
  new AuthError('AUTH_RATE_LIMITED', 'Slow down.', { retryable: true, retryAfterSeconds: 9 })

/** A handler whose route fails as it is told, and all that it tells others. */
const noChecks = { checkRefusals: async () => {}, keyOf: (ip: string) => ip }

function start(failure: unknown = null, change: Partial<AuthEndpointParts> = {}) {
  const refusals: string[] = []
  const reported: [string, string][] = []
  const warnings: string[] = []
  const handle = createAuthEndpoint({
    routes: [
      {
        method: 'GET',
        path: '/good',
        answer: async () => {
          if (failure !== null) throw failure
          return json(200, { good: true })
        },
      },
    ],
    transport: createBodyTransport(),
    limits: {
      admit: async () => {},
      refusal: async (ip) => {
        refusals.push(ip)
        return null
      },
      ...noChecks,
    },
    emitFailure: (error, requestId) => reported.push([error.code, requestId]),
    environment: 'production',
    warn: (message) => warnings.push(message),
    ...change,
  })
  return { handle, refusals, reported, warnings }
}

describe('createAuthEndpoint', () => {
  it('hands the answer of the route on, and counts nothing for it', async () => {
    const { handle, refusals, reported } = start()
    expect(await handle(request())).toMatchObject({ status: 200, body: '{"good":true}' })
    expect([refusals, reported]).toEqual([[], []])
  })

  it('counts what was refused or malformed, and reports it once', async () => {
    const { handle, refusals, reported } = start(new AuthError('AUTH_TOKEN_INVALID', 'No.'))
    expect((await handle(request())).status).toBe(401)
    expect((await handle(request('/else'))).status).toBe(404)
    expect(refusals).toEqual(['192.0.2.1', '192.0.2.1'])
    expect(reported).toEqual([
      ['AUTH_TOKEN_INVALID', 'req-1'],
      ['AUTH_NOT_FOUND', 'req-1'],
    ])
  })

  it('counts no trouble of ours and no limit against an address', async () => {
    for (const thrown of [failure('storeUnreachable'), new Error('a bug'), limited()]) {
      const { handle, refusals, reported } = start(thrown)
      await handle(request())
      expect(refusals).toEqual([])
      expect(reported).toHaveLength(1)
    }
  })

  it('answers 429 in place of a refusal, once there were too many', async () => {
    const limits = { admit: async () => {}, refusal: async () => limited(), ...noChecks }
    const refused = start(new AuthError('AUTH_TOKEN_INVALID', 'No.'), { limits })
    expect((await refused.handle(request())).status).toBe(429)
    expect(refused.reported).toEqual([['AUTH_RATE_LIMITED', 'req-1']])
    expect((await start(null, { limits }).handle(request())).status).toBe(200)
  })

  it('applies no limit of an address to callers whose address is not known, and warns once', async () => {
    const admitted: string[] = []
    const limits = {
      admit: async (ip: string) => void admitted.push(ip),
      refusal: async (ip: string) => (admitted.push(ip), limited()),
      ...noChecks,
    }
    const { handle, warnings } = start(new AuthError('AUTH_TOKEN_INVALID', 'No.'), { limits })
    for (const ip of [undefined, '', undefined]) expect((await handle({ ...request(), ip })).status).toBe(401)
    expect(admitted).toEqual([])
    expect(warnings).toEqual([expect.stringContaining('without the address of its caller')])
    expect((await handle(request())).status).toBe(429)
  })

  it('asks nobody for an address that has had its share of refusals, and answers 429', async () => {
    const asked: string[] = []
    const ask: Route['answer'] = async (_request, _parameter, caller) => {
      await caller.beforeAsking()
      asked.push(caller.address())
      throw new AuthError('AUTH_TOKEN_INVALID', 'No.')
    }
    const routes = [{ method: 'GET' as const, path: '/good', answer: ask }]
    const limits = { admit: async () => {}, refusal: async () => limited(), ...noChecks }
    const atTheLimit = { ...limits, checkRefusals: () => Promise.reject(limited()) }
    expect((await start(null, { routes, limits: atTheLimit }).handle(request())).status).toBe(429)
    expect(asked).toEqual([])
    // What was asked for is answered as it was decided, although the limit was reached in the meantime.
    expect((await start(null, { routes, limits }).handle(request())).status).toBe(401)
    expect(asked).toHaveLength(1)
  })

  it('runs nothing for an address that has had its share', async () => {
    const limits = { admit: () => Promise.reject(limited()), refusal: async () => null, ...noChecks }
    const { handle, reported } = start(null, { limits })
    expect(await handle(request())).toMatchObject({ status: 429, headers: { 'retry-after': '9' } })
    expect(reported).toEqual([['AUTH_RATE_LIMITED', 'req-1']])
  })

  it('lets the transport keep a request out before the route runs', async () => {
    const denied = new AuthError('AUTH_ORIGIN_DENIED', 'No.')
    const guard = () => {
      throw denied
    }
    const { handle } = start(null, { transport: { ...createBodyTransport(), guard } })
    expect((await handle(request())).status).toBe(403)
  })

  it('answers 500 without a detail for what is no error of ours', async () => {
    const { handle, reported } = start(new TypeError('a detail'))
    const answer = await handle(request())
    expect(answer.status).toBe(500)
    expect(answer.body).not.toContain('detail')
    expect(reported).toEqual([['AUTH_INTERNAL_ERROR', 'req-1']])
  })
})
