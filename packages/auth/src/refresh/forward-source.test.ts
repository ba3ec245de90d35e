import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'

import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { HttpClient } from '../base/http-client.js'
import { createRecorder, type Recorder } from '../../test/kit/recorder.js'
import { createPinnedKeySet } from '../tokens/key-set.js'
import { memberIssuer, ownIssuer } from '../tokens/token-rules.js'
import type { TokenVerifier } from '../tokens/verified-token-cache.js'
import { createTokenVerifier } from '../tokens/verify.js'
import { createHttpClient, type ClosableHttpClient } from '../base/create-http-client.js'
import { createForwardSource, type ForwardOptions, type ForwardSource } from './forward-source.js'
import { defaultForwardLimits } from './upstream-call.js'
import { createMemorySharedAnswers, type SharedAnswers } from './shared-answers.js'
import { createRefresh, type RefreshContext, type RefreshOutcome } from './refresh.js'

interface Call {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

type Behaviour = (response: ServerResponse, call: Call) => void

/** A refresh API on loopback that behaves as it is told, one behaviour after the other; the last one stays. */
interface RefreshApi {
  readonly origin: string
  readonly url: string
  readonly calls: Call[]
  behave(...behaviours: Behaviour[]): void
  /** Resolves when so many calls have come in, in all. */
  heard(count: number): Promise<void>
  close(): Promise<void>
}

async function startRefreshApi(port = 0): Promise<RefreshApi> {
  const calls: Call[] = []
  let behaviours: Behaviour[] = []
  const listeners = new Set<() => void>()
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method, url, headers } = request
      const call = { method, url, headers, body: Buffer.concat(chunks).toString() }
      calls.push(call)
      const behave = behaviours.length > 1 ? behaviours.shift() : behaviours[0]
      behave?.(response, call)
      for (const listener of listeners) listener()
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP server')
  const origin = `http://127.0.0.1:${String(address.port)}`
  return {
    origin,
    url: `${origin}/auth/refresh-token`,
    calls,
    behave: (...next) => void (behaviours = next),
    heard: (count) =>
      new Promise((resolve) => {
        const look = () => {
          if (calls.length < count) return
          listeners.delete(look)
          resolve()
        }
        listeners.add(look)
        look()
      }),
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const answerJson =
  (body: unknown, status = 200, headers: Record<string, string> = {}): Behaviour =>
  (response) =>
    void response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify(body))
const answerText =
  (body: string, status = 200): Behaviour =>
  (response) =>
    void response.writeHead(status, { 'content-type': 'text/html' }).end(body)
const hang: Behaviour = () => {}
const reset: Behaviour = (response) => void response.socket?.resetAndDestroy()

const pin = (publicKey: KeyObject, algorithm: 'RS256' | 'ES256') =>
  createPinnedKeySet(JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }), [algorithm])

describe('forward mode', () => {
  const issuer = 'https://api.memberstack.com'
  const keys = {
    member: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    own: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  }
  const claimsOf = {
    member: { iss: issuer, id: 'mem_1' },
    own: { iss: 'perennial', sub: 'mem_1', sid: 's1', gen: 1 },
  }
  const verifier = createTokenVerifier({
    issuers: [
      memberIssuer({ issuer, audience: 'app_1', keySet: pin(keys.member.publicKey, 'RS256') }),
      ownIssuer({ issuer: 'perennial', audience: 'app_1', keySet: pin(keys.own.publicKey, 'ES256') }),
    ],
    clock: () => now,
  })
  let now: number
  let api: RefreshApi
  let httpClient: ClosableHttpClient
  let sources: ForwardSource[]
  let telemetry: Recorder
  let spent: string[]
  let context: RefreshContext
  let serial = 0

  beforeEach(async () => {
    now = 1_700_000_000
    api = await startRefreshApi()
    httpClient = createHttpClient()
    sources = []
    telemetry = createRecorder()
    spent = []
    context = { requestId: 'req-1', spend: async (key) => void spent.push(key) }
  })
  afterEach(async () => {
    await api.close()
    await Promise.all(sources.map((source) => source.close()))
    await httpClient.close()
  })

  const sign = (claims: object = {}, kind: 'member' | 'own' = 'member') =>
    new SignJWT({
      aud: 'app_1',
      iat: now,
      exp: now + 14 * 86_400,
      jti: String((serial += 1)),
      ...claimsOf[kind],
      ...claims,
    })
      .setProtectedHeader(kind === 'own' ? { alg: 'ES256', typ: 'at+jwt' } : { alg: 'RS256' })
      .sign(keys[kind].privateKey)
  const createSource = (options: Partial<ForwardOptions> = {}): ForwardSource => {
    const source = createForwardSource({
      url: api.url,
      adminOrigin: 'https://admin.memberstack.com',
      httpClient,
      verifier,
      clock: () => now,
      randomBytes,
      graceSeconds: 30,
      telemetry,
      ...options,
    })
    sources.push(source)
    return source
  }
  const createUseCase = (source: ForwardSource) =>
    createRefresh({ source, spendSession: (key) => context.spend(key), telemetry, clock: () => now })
  const accessTokenOf = (outcome: RefreshOutcome) =>
    outcome.kind === 'refreshed' ? outcome.accessToken : outcome
  /** Answers every call with tokens of its own. */
  const answerFreshTokens = async (count = 20) => {
    const tokens = await Promise.all(Array.from({ length: count }, () => sign()))
    api.behave(
      ...tokens.map((accessToken, index) =>
        answerJson({ accessToken, refreshToken: `r${String(index + 1)}` }),
      ),
    )
    return tokens
  }

  describe('the call', () => {
    it('posts the refresh token as JSON and hands on what comes back', async () => {
      const accessToken = await sign()
      api.behave(answerJson({ data: { tokens: { accessToken, refreshToken: 'next' } } }))

      const outcome = await createSource().refresh('presented', context)

      expect(outcome).toEqual({
        kind: 'refreshed',
        accessToken,
        refreshToken: 'next',
        memberId: 'mem_1',
        how: 'rotated',
      })
      const [call] = api.calls
      expect(call).toMatchObject({
        method: 'POST',
        url: '/auth/refresh-token',
        body: '{"refreshToken":"presented"}',
      })
      expect(call?.headers['content-type']).toBe('application/json')
      expect(telemetry.observed).toMatchObject([{ target: 'refresh', outcome: 'ok' }])
    })

    it('does not call a refresh token new that is the presented one', async () => {
      api.behave(answerJson({ accessToken: await sign(), refreshToken: 'presented' }))

      expect(await createSource().refresh('presented', context)).not.toHaveProperty('refreshToken')
    })

    it("sends X-API-KEY to the admin API's own origin", async () => {
      await answerFreshTokens()

      await createSource({ adminOrigin: `${api.origin}/`, secretKey: 'sk_canary' }).refresh('t', context)

      expect(api.calls[0]?.headers['x-api-key']).toBe('sk_canary')
    })

    it.each(['https://127.0.0.1', 'http://127.0.0.1', 'http://localhost', 'https://admin.memberstack.com'])(
      'sends no X-API-KEY where the admin API is at %s',
      async (adminOrigin) => {
        await answerFreshTokens()

        await createSource({ adminOrigin, secretKey: 'sk_canary' }).refresh('t', context)

        expect(JSON.stringify(api.calls[0])).not.toContain('sk_canary')
      },
    )

    it('refuses a URL that is none when it is made', () => {
      expect(() => createSource({ url: 'no url' })).toThrow(TypeError)
      expect(() => createSource({ adminOrigin: 'no url' })).toThrow(TypeError)
    })

    it('costs one call of the token, named by a digest, and nothing when its answer is shared', async () => {
      await answerFreshTokens()
      const source = createSource()

      await source.refresh('presented', context)
      await source.refresh('presented', context)

      expect(spent).toHaveLength(1)
      expect(spent[0]).not.toContain('presented')
    })

    it('makes no call when the token has none left, says so, and leaves the way free', async () => {
      const [accessToken] = await answerFreshTokens()
      const source = createSource()
      const limited = new AuthError('AUTH_RATE_LIMITED', 'too often')
      const exhausted = { ...context, spend: async () => Promise.reject(limited) }

      await expect(source.refresh('t', exhausted)).rejects.toBe(limited)

      expect(api.calls).toHaveLength(0)
      expect(accessTokenOf(await source.refresh('t', context))).toBe(accessToken)
    })
  })

  describe('an upstream that misbehaves', () => {
    const cases: readonly [string, Behaviour, { status: number; retryAfterSeconds?: number }][] = [
      ['401', answerText('no', 401), { status: 401 }],
      ['400 invalid_grant', answerJson({ error: 'invalid_grant' }, 400), { status: 401 }],
      ['400 of another kind', answerJson({ error: 'bad' }, 400), { status: 502, retryAfterSeconds: 1 }],
      ['403', answerJson({ error: 'invalid_grant' }, 403), { status: 502, retryAfterSeconds: 1 }],
      ['404', answerText('', 404), { status: 502, retryAfterSeconds: 1 }],
      ['429', answerJson({}, 429, { 'retry-after': '9' }), { status: 503, retryAfterSeconds: 9 }],
      ['500', answerText('oops', 500), { status: 503, retryAfterSeconds: 1 }],
      ['503', answerJson({}, 503, { 'retry-after': '86400' }), { status: 503, retryAfterSeconds: 300 }],
      [
        'a redirect',
        answerJson({}, 307, { location: '/auth/refresh-token' }),
        { status: 502, retryAfterSeconds: 1 },
      ],
      ['HTML', answerText('<html>'), { status: 502, retryAfterSeconds: 1 }],
      ['half a JSON', answerText('{"accessToken":"ey'), { status: 502, retryAfterSeconds: 1 }],
      ['nothing', answerText(''), { status: 502, retryAfterSeconds: 1 }],
      ['megabytes', answerText('x'.repeat(300_000)), { status: 502, retryAfterSeconds: 1 }],
      ['a reset', reset, { status: 503, retryAfterSeconds: 1 }],
      ['a hang', hang, { status: 503, retryAfterSeconds: 1 }],
      ['a forged access token', answerJson({ accessToken: 'forged' }), { status: 502, retryAfterSeconds: 1 }],
    ]

    it.each(cases)(
      '%s: the error of the table, one call, and the next good answer works',
      async (_name, bad, error) => {
        const accessToken = await sign()
        api.behave(bad, answerJson({ accessToken }))
        const source = createSource(bad === hang ? { limits: { callSeconds: 0.5 } } : {})
        const refresh = createUseCase(source)

        await expect(refresh('presented', { requestId: 'req-1' })).rejects.toMatchObject({
          code: 'AUTH_TOKEN_REFRESH_FAILED',
          retryable: error.status !== 401,
          ...error,
        })
        expect(api.calls).toHaveLength(1)
        expect(telemetry.events.map((event) => event.event)).toEqual(
          error.status === 401 ? [] : ['upstream_failure'],
        )

        expect(await refresh('presented', { requestId: 'req-2' })).toEqual({ accessToken })
        expect(api.calls).toHaveLength(2)
      },
    )

    it('hands on no access token that has expired, by the one-hour rule too, or is one of our own', async () => {
      const tokens = [await sign({ exp: now }), await sign({ iat: now - 3600 }), await sign({}, 'own')]
      api.behave(...tokens.map((accessToken) => answerJson({ accessToken })))
      const source = createSource()

      for (const reason of ['expired_access_token', 'expired_access_token', 'foreign_access_token']) {
        expect(await source.refresh('t', context)).toMatchObject({ kind: 'unavailable', status: 502, reason })
      }
    })

    it('keeps the answer while the key set is away, so that the next try has it', async () => {
      const [accessToken] = await answerFreshTokens()
      let isAway = true
      const source = createSource({
        verifier: {
          verify: (token) => {
            if (isAway) throw failure('storeUnreachable', { retryAfterSeconds: 3 })
            return verifier.verify(token)
          },
        },
      })

      expect(await source.refresh('t', context)).toMatchObject({
        kind: 'unavailable',
        status: 503,
        retryAfterSeconds: 3,
        target: 'jwks',
      })
      isAway = false

      expect(accessTokenOf(await source.refresh('t', context))).toBe(accessToken)
      expect(api.calls).toHaveLength(1)
    })

    it('does not wait for a key set that hangs', async () => {
      const [accessToken] = await answerFreshTokens()
      const hanging: Pick<TokenVerifier, 'verify'> = { verify: () => new Promise(() => {}) }
      const sharedAnswers = createMemorySharedAnswers({ clock: () => now })
      const limits = { verifySeconds: 0.02 }

      expect(
        await createSource({ verifier: hanging, sharedAnswers, limits }).refresh('t', context),
      ).toMatchObject({ status: 503, reason: 'key_set_away' })
      expect(accessTokenOf(await createSource({ sharedAnswers }).refresh('t', context))).toBe(accessToken)
    })
  })

  describe('one call', () => {
    it('serves 500 concurrent callers with one call and 500 equal answers', async () => {
      const [accessToken] = await answerFreshTokens()
      const refresh = createUseCase(createSource())

      const answers = await Promise.all(
        Array.from({ length: 500 }, (_, caller) =>
          refresh('presented', { requestId: `req-${String(caller)}` }),
        ),
      )

      expect(api.calls).toHaveLength(1)
      for (const answer of answers) expect(answer).toEqual({ accessToken, refreshToken: 'r1' })
      expect(telemetry.events.filter((event) => event.how === 'coalesced')).toHaveLength(499)
      expect(telemetry.events.filter((event) => event.how === 'rotated')).toHaveLength(1)
    })

    it('serves 300 concurrent callers of three instances that share answers with one call', async () => {
      const [accessToken] = await answerFreshTokens()
      const sharedAnswers = createMemorySharedAnswers({ clock: () => now })
      const instances = [1, 2, 3].map(() => createSource({ sharedAnswers }))

      const outcomes = await Promise.all(
        Array.from({ length: 100 }, () => instances.map((instance) => instance.refresh('t', context))).flat(),
      )

      expect(api.calls).toHaveLength(1)
      expect(new Set(outcomes.map(accessTokenOf))).toEqual(new Set([accessToken]))
    })

    it('shares trouble with those who wait, and forgets it', async () => {
      const accessToken = await sign()
      api.behave(answerText('', 500), answerJson({ accessToken }))
      const sharedAnswers = createMemorySharedAnswers({ clock: () => now })
      const instances = [1, 2, 3].map(() => createSource({ sharedAnswers }))

      const outcomes = await Promise.all(instances.map((instance) => instance.refresh('t', context)))

      expect(outcomes.map((outcome) => outcome.kind === 'unavailable' && outcome.reason)).toEqual(
        Array.from({ length: 3 }, () => 'status_500'),
      )
      expect(api.calls).toHaveLength(1)
      expect(accessTokenOf(await createSource({ sharedAnswers }).refresh('t', context))).toBe(accessToken)
    })

    it('keeps tokens apart', async () => {
      const tokens = await answerFreshTokens()
      const source = createSource()

      const outcomes = [await source.refresh('one', context), await source.refresh('two', context)]

      expect(outcomes.map(accessTokenOf)).toEqual(tokens.slice(0, 2))
    })

    it('gives one who comes later within the grace the same answer, to the second', async () => {
      const tokens = await answerFreshTokens()
      const source = createSource()
      await source.refresh('t', context)

      now += 29.9
      expect(await source.refresh('t', context)).toEqual({
        kind: 'refreshed',
        accessToken: tokens[0],
        refreshToken: 'r1',
        memberId: 'mem_1',
        how: 'replayed',
      })
      now += 0.1
      expect(accessTokenOf(await source.refresh('t', context))).toBe(tokens[1])
    })

    it('keeps nothing beyond the call with a grace of 0', async () => {
      const tokens = await answerFreshTokens()
      const source = createSource({ graceSeconds: 0 })

      const together = await Promise.all([source.refresh('t', context), source.refresh('t', context)])
      const later = await source.refresh('t', context)

      expect([...together, later].map(accessTokenOf)).toEqual([tokens[0], tokens[0], tokens[1]])
    })

    it('replays no access token that has expired or is about to', async () => {
      const tokens = [await sign({ iat: now - 3580 }), await sign()]
      api.behave(...tokens.map((accessToken) => answerJson({ accessToken })))
      const source = createSource()
      await source.refresh('t', context)

      now += 14.9
      expect(accessTokenOf(await source.refresh('t', context))).toBe(tokens[0])
      now += 0.1
      expect(accessTokenOf(await source.refresh('t', context))).toBe(tokens[1])
    })
  })

  describe('time', () => {
    it('has the limits it promises', () => {
      expect(defaultForwardLimits).toMatchObject({ answerSeconds: 5, callSeconds: 30, leaseSeconds: 35 })
      const { callSeconds, verifySeconds, leaseSeconds } = defaultForwardLimits
      expect(callSeconds + verifySeconds).toBeLessThan(leaseSeconds)
    })

    it('answers the caller in time while the call goes on, and its late answer is there for the next try', async () => {
      const accessToken = await sign()
      let answerLate = () => {}
      api.behave((response, call) => {
        answerLate = () => answerJson({ accessToken, refreshToken: 'next' })(response, call)
      })
      const sharedAnswers = createMemorySharedAnswers({ clock: () => now })
      const hasty = createSource({ sharedAnswers, limits: { answerSeconds: 0.05 } })
      const source = createSource({ sharedAnswers })
      const tooLate = { kind: 'unavailable', status: 503, reason: 'timeout', retryAfterSeconds: 1 }

      expect(await hasty.refresh('t', context)).toMatchObject(tooLate)
      // Still under way: whoever comes back shares it.
      expect(await hasty.refresh('t', context)).toMatchObject(tooLate)
      const third = source.refresh('t', context)
      answerLate()

      expect(await third).toMatchObject({ kind: 'refreshed', accessToken })
      expect(await source.refresh('t', context)).toMatchObject({
        accessToken,
        refreshToken: 'next',
        how: 'replayed',
      })
      expect(api.calls).toHaveLength(1)
    })

    it('waits for the late answer when it is closed', async () => {
      const accessToken = await sign()
      let answerLate = () => {}
      api.behave((response, call) => {
        answerLate = () => answerJson({ accessToken })(response, call)
      })
      const sharedAnswers = createMemorySharedAnswers({ clock: () => now })
      const source = createSource({ sharedAnswers, limits: { answerSeconds: 0.05 } })
      await source.refresh('t', context)

      const closing = source.close()
      answerLate()
      await closing

      expect(accessTokenOf(await createSource({ sharedAnswers }).refresh('t', context))).toBe(accessToken)
      expect(api.calls).toHaveLength(1)
    })

    it('lets the token go when a call never ends, so that its holder may try again', async () => {
      const accessToken = await sign()
      api.behave(hang, answerJson({ accessToken }))
      const sharedAnswers = createMemorySharedAnswers({ clock: () => now })
      const hasty = createSource({ sharedAnswers, limits: { answerSeconds: 0.05, callSeconds: 0.2 } })

      expect(await hasty.refresh('t', context)).toMatchObject({ status: 503 })
      await hasty.close()

      expect(accessTokenOf(await createSource({ sharedAnswers }).refresh('t', context))).toBe(accessToken)
    })

    it('tries again what was never sent, and never what was', async () => {
      const [accessToken] = await answerFreshTokens()
      const port = Number(new URL(api.origin).port)
      await api.close()
      let failures = 0
      const reviving: HttpClient = (request) =>
        httpClient(request).catch(async (error: unknown) => {
          failures += 1
          if (failures === 2) {
            api = await startRefreshApi(port)
            api.behave(answerJson({ accessToken }))
          }
          throw error
        })
      const source = createSource({ httpClient: reviving, limits: { retryDelaySeconds: 0.005 } })

      expect(accessTokenOf(await source.refresh('t', context))).toBe(accessToken)
      expect([failures, api.calls.length, spent.length]).toEqual([2, 1, 1])

      api.behave(reset)
      expect(await source.refresh('other', context)).toMatchObject({ status: 503, reason: 'reset' })
      expect(api.calls).toHaveLength(2)
    })

    it('stops trying when its caller was answered', async () => {
      await api.close()
      let tries = 0
      const counting: HttpClient = (request) => {
        tries += 1
        return httpClient(request)
      }
      const source = createSource({
        httpClient: counting,
        limits: { answerSeconds: 0.5, retryDelaySeconds: 0.01 },
      })

      expect(await source.refresh('t', context)).toMatchObject({ status: 503 })
      await source.close()
      const triesWhileAwaited = tries

      expect(triesWhileAwaited).toBeGreaterThan(1)
      expect(triesWhileAwaited).toBeLessThan(10)
      api = await startRefreshApi()
    })

    it('repeats nothing when a client throws something else, and passes nothing of it on', async () => {
      let tries = 0
      const source = createSource({
        httpClient: () => {
          tries += 1
          throw new Error('canary')
        },
      })

      const outcome = await source.refresh('t', context)

      expect(outcome).toMatchObject({ kind: 'unavailable', status: 503, reason: 'reset' })
      expect(JSON.stringify(outcome)).not.toContain('canary')
      expect(tries).toBe(1)
    })
  })

  describe('the circuit', () => {
    const limits = { circuitFailures: 3, circuitOpenSeconds: 5 }
    const breakIt = async (source: ForwardSource) => {
      api.behave(answerText('', 500))
      for (const token of ['1', '2', '3']) await source.refresh(token, context)
    }

    it('opens after so many failures, fails fast without a call, and recovers by itself', async () => {
      const source = createSource({ limits })
      await breakIt(source)
      const [accessToken] = await answerFreshTokens()

      expect(await source.refresh('4', context)).toMatchObject({
        kind: 'unavailable',
        status: 503,
        reason: 'circuit_open',
        retryAfterSeconds: 5,
      })
      expect(api.calls).toHaveLength(3)
      expect(spent).toHaveLength(3)

      now += 5
      expect(accessTokenOf(await source.refresh('4', context))).toBe(accessToken)
      expect((await source.refresh('5', context)).kind).toBe('refreshed')
    })

    it('does not stand in the way of answers that are kept', async () => {
      const source = createSource({ limits })
      const [accessToken] = await answerFreshTokens()
      await source.refresh('kept', context)
      await breakIt(source)

      expect(accessTokenOf(await source.refresh('kept', context))).toBe(accessToken)
    })

    it('turns others away while the one call that tries hangs, and opens again', async () => {
      const source = createSource({ limits: { ...limits, answerSeconds: 0.3 } })
      await breakIt(source)
      now += 5
      api.behave(hang)

      const trial = source.refresh('4', context)
      await api.heard(4)
      expect(await source.refresh('5', context)).toMatchObject({ reason: 'circuit_open' })
      expect(await trial).toMatchObject({ reason: 'timeout' })
      await expect
        .poll(() => source.refresh('6', context))
        .toMatchObject({ reason: 'circuit_open', retryAfterSeconds: 5 })
      expect(api.calls).toHaveLength(4)
    })

    it('lets another token try when the first one had no call left', async () => {
      const source = createSource({ limits })
      await breakIt(source)
      now += 5
      await answerFreshTokens()
      const limited = new AuthError('AUTH_RATE_LIMITED', 'too often')

      await expect(
        source.refresh('4', { ...context, spend: async () => Promise.reject(limited) }),
      ).rejects.toBe(limited)

      expect((await source.refresh('5', context)).kind).toBe('refreshed')
    })

    it.each([
      ['refusals', 401],
      ['bad requests', 400],
      ['429', 429],
    ])('is not opened by %s: rubbish from one client is nobody else’s trouble', async (_name, status) => {
      const source = createSource({ limits })
      api.behave(answerText('', status))
      for (const token of ['1', '2', '3', '4']) await source.refresh(token, context)
      await answerFreshTokens()

      expect((await source.refresh('5', context)).kind).toBe('refreshed')
    })
  })

  describe('the store of shared answers', () => {
    it('that is away makes it trouble, retryable, and burns no token', async () => {
      await answerFreshTokens()
      const away = async () => Promise.reject(failure('storeUnreachable', { retryAfterSeconds: 2 }))
      const sharedAnswers: SharedAnswers = { claim: away, settle: away, release: away, wait: away }
      const refresh = createUseCase(createSource({ sharedAnswers }))

      await expect(refresh('t', { requestId: 'req-1' })).rejects.toMatchObject({
        code: 'AUTH_TOKEN_REFRESH_FAILED',
        status: 503,
        retryable: true,
        retryAfterSeconds: 2,
      })
      expect(api.calls).toHaveLength(0)
      expect(telemetry.events).toMatchObject([{ event: 'upstream_failure', target: 'store' }])
    })

    it('that goes away during the call does not cost the caller the answer, and has it when it is back', async () => {
      const [accessToken] = await answerFreshTokens()
      const memory = createMemorySharedAnswers({ clock: () => now })
      let failures = 0
      let isKept = () => {}
      const kept = new Promise<void>((resolve) => (isKept = resolve))
      const sharedAnswers: SharedAnswers = {
        ...memory,
        async settle(...settlement) {
          failures += 1
          if (failures === 1) throw failure('storeUnreachable')
          await memory.settle(...settlement)
          isKept()
        },
      }
      const source = createSource({ sharedAnswers })

      expect(accessTokenOf(await source.refresh('t', context))).toBe(accessToken)
      await kept

      expect(await source.refresh('t', context)).toMatchObject({ accessToken, how: 'replayed' })
      expect(api.calls).toHaveLength(1)
    })

    it('that hands out what this token cannot open makes it trouble, not a refusal', async () => {
      const memory = createMemorySharedAnswers({ clock: () => now })
      const sharedAnswers: SharedAnswers = { ...memory, claim: async () => ({ settled: 'planted' }) }

      expect(await createSource({ sharedAnswers }).refresh('t', context)).toMatchObject({
        kind: 'unavailable',
        status: 503,
        reason: 'unreadable_answer',
      })
    })

    it('lets another instance call when the one that claimed died', async () => {
      const [accessToken] = await answerFreshTokens()
      const memory = createMemorySharedAnswers({ clock: () => now })
      const dead = createSource({ sharedAnswers: { ...memory, settle: async () => {} } })
      api.behave(answerText('', 500))
      await dead.refresh('t', context)
      api.behave(answerJson({ accessToken }))
      const hasty = createSource({ sharedAnswers: memory, limits: { answerSeconds: 0.05 } })

      expect(await hasty.refresh('t', context)).toMatchObject({ status: 503, reason: 'timeout' })
      now += 35
      const survivor = createSource({ sharedAnswers: memory })
      expect(accessTokenOf(await survivor.refresh('t', context))).toBe(accessToken)
    })
  })

  it('puts no token and no key into events, errors, names or the store', async () => {
    const stored: unknown[] = []
    const memory = createMemorySharedAnswers({ clock: () => now })
    const sharedAnswers: SharedAnswers = {
      ...memory,
      claim: (...claim) => (stored.push(claim), memory.claim(...claim)),
      settle: (...settlement) => (stored.push(settlement), memory.settle(...settlement)),
    }
    const accessToken = await sign()
    const behaviours: Behaviour[] = [
      answerJson({ accessToken, refreshToken: 'canary-next' }),
      answerJson({ error: 'canary-presented' }, 401),
      answerText('canary-presented', 500),
      answerText('canary-presented'),
      answerJson({ accessToken: 'canary-forged' }),
      reset,
      hang,
    ]
    api.behave(...behaviours)
    const refresh = createUseCase(
      createSource({
        sharedAnswers,
        adminOrigin: api.origin,
        secretKey: 'canary-key',
        limits: { callSeconds: 0.5 },
      }),
    )
    const failures: unknown[] = []
    for (const index of behaviours.keys()) {
      await refresh(`canary-presented-${String(index)}`, { requestId: 'r' }).catch((error: unknown) =>
        failures.push(error),
      )
    }

    expect(failures).toHaveLength(6)
    expect(telemetry.events.length).toBeGreaterThan(5)
    const told = failures.map((error) =>
      error instanceof Error ? [error.stack, Object.entries(error), String(error.cause)] : error,
    )
    const output = JSON.stringify([telemetry.events, telemetry.observed, spent, stored, told])
    expect(output).not.toContain('canary')
    expect(output).not.toContain(accessToken)
    expect(output).not.toContain(Buffer.from('canary').toString('base64url').slice(0, 7))
  })
})
