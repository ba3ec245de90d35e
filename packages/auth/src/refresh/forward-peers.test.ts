import { randomBytes } from 'node:crypto'

import { afterEach, describe, expect, it } from 'vitest'

import { createRecorder } from '../../test/kit/recorder.js'
import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { HttpClient, HttpResponse } from '../base/http-client.js'
import type { VerifiedToken } from '../tokens/index.js'
import { createForwardSource, type ForwardOptions, type ForwardSource } from './forward-source.js'
import { createMemorySharedAnswers } from './shared-answers.js'

const sources: ForwardSource[] = []
afterEach(async () => {
  for (const source of sources.splice(0)) await source.close()
})

const tokens = (accessToken: string, refreshToken?: string): HttpResponse => ({
  status: 200,
  headers: {},
  body: JSON.stringify({ accessToken, refreshToken }),
})
const refused: HttpResponse = { status: 401, headers: {}, body: '' }

/** Forward mode with a refresh API that gives these answers, one after the other; the last one stays. */
function createWorld(...answers: readonly (HttpResponse | Promise<HttpResponse>)[]) {
  const telemetry = createRecorder()
  const asked: string[] = []
  const world = {
    now: 1_000,
    observed: telemetry.observations,
    asked,
    calls: 0,
    verified: 0,
    create,
    refreshAs,
  }
  const httpClient: HttpClient = async () => {
    world.calls += 1
    return answers[Math.min(world.calls, answers.length) - 1] ?? refused
  }
  const verify = async (accessToken: string): Promise<VerifiedToken> => {
    world.verified += 1
    if (accessToken === 'forged') throw new AuthError('AUTH_TOKEN_INVALID', 'forged')
    if (accessToken === 'expired') throw new AuthError('AUTH_TOKEN_EXPIRED', 'expired')
    if (accessToken === 'keyless') throw failure('keySetUnread', { retryAfterSeconds: 3 })
    return {
      kind: accessToken === 'own' ? 'own' : 'member',
      memberId: 'mem_1',
      claims: { iss: 'memberstack', exp: world.now + 3600, iat: world.now },
      expiresAt: world.now + 3600,
      kid: undefined,
      boundTo: null,
      user: null,
      userFrom: null,
    }
  }
  function create(options: Partial<ForwardOptions> = {}) {
    const source = createForwardSource({
      url: 'https://api.example:8443/auth/refresh-token',
      adminOrigin: 'https://admin.example',
      httpClient,
      verifier: { verify },
      clock: () => world.now,
      randomBytes,
      graceSeconds: 30,
      telemetry,
      ...options,
    })
    sources.push(source)
    return source
  }
  function refreshAs(source: ForwardSource, refreshToken: string, spend = async () => {}) {
    const beforeAsking = async () => void asked.push(refreshToken)
    return source.refresh(refreshToken, { requestId: 'r', spend, beforeAsking })
  }
  return world
}

describe('the health of the refresh API', () => {
  it.each([
    ['forged', 'unverifiable_access_token'],
    ['expired', 'expired_access_token'],
    ['own', 'foreign_access_token'],
  ])('is trouble while its access tokens cannot be used (%s), until one can', async (token, reason) => {
    const world = createWorld(tokens(token), tokens('good'))
    const source = world.create()

    expect(await world.refreshAs(source, 'r1')).toMatchObject({ status: 502, reason, target: 'refresh' })
    const peer = { target: 'refresh', host: 'api.example:8443' }
    const trouble = { kind: 'upstream_trouble', ...peer, reason, cause: `an answer with ${reason}` }
    expect(world.observed).toEqual([trouble])
    world.now += 5
    await world.refreshAs(source, 'r2')

    expect(world.observed).toEqual([
      trouble,
      { kind: 'upstream_recovered', ...peer, lastedSeconds: 5, failures: 1 },
    ])
  })

  it('counts a call without a usable answer once', async () => {
    const world = createWorld({ status: 500, headers: {}, body: '{}' }, tokens('good'))
    const source = world.create()

    await world.refreshAs(source, 'r1')
    world.now += 5
    await world.refreshAs(source, 'r2')

    expect(world.observed).toMatchObject([
      { kind: 'upstream_trouble', reason: 'status_500', cause: 'status 500' },
      { kind: 'upstream_recovered', failures: 1 },
    ])
  })

  it('is good after a refusal, which is an answer', async () => {
    const world = createWorld(tokens('forged'), refused)
    const source = world.create()

    await world.refreshAs(source, 'r1')
    world.now += 5
    await world.refreshAs(source, 'r2')

    expect(world.observed.map(({ kind }) => kind)).toEqual(['upstream_trouble', 'upstream_recovered'])
  })

  it('is not in question while the key set is away', async () => {
    const world = createWorld(tokens('keyless'))

    const outcome = await world.refreshAs(world.create(), 'r1')

    expect(outcome).toMatchObject({ reason: 'key_set_away', target: 'jwks', retryAfterSeconds: 3 })
    expect(world.observed).toEqual([])
  })
})

describe('a refresh token', () => {
  it('is unknown until it was handed out', async () => {
    const world = createWorld(tokens('a', 'r2'), tokens('b', 'r3'))
    const source = world.create()

    for (const token of ['r1', 'r2', 'r3', 'stranger']) await world.refreshAs(source, token)

    expect(world.asked).toEqual(['r1', 'stranger'])
  })

  it('that stays is known after its first answer', async () => {
    const world = createWorld(tokens('a'))
    const source = world.create({ graceSeconds: 0 })

    for (const token of ['r1', 'r1']) await world.refreshAs(source, token)

    expect([world.asked, world.calls]).toEqual([['r1'], 2])
  })

  it('that was refused stays unknown', async () => {
    const world = createWorld(refused)
    const source = world.create()

    for (const token of ['r1', 'r1']) await world.refreshAs(source, token)

    expect(world.asked).toEqual(['r1', 'r1'])
  })
})

describe('callers that wait for the call of another', () => {
  it('make the call themselves when that one had no call left', async () => {
    const world = createWorld(tokens('a'))
    const source = world.create()
    const limited = new AuthError('AUTH_RATE_LIMITED', 'too often')
    let refuse = () => {}
    let first: unknown
    await new Promise<void>((isSpending) => {
      first = world.refreshAs(source, 'r1', () => {
        isSpending()
        return new Promise((_, reject) => (refuse = () => reject(limited)))
      })
    })
    const second = world.refreshAs(source, 'r1')
    refuse()

    await expect(first).rejects.toBe(limited)
    expect(await second).toMatchObject({ kind: 'refreshed', accessToken: 'a', how: 'rotated' })
    expect(world.calls).toBe(1)
  })

  it.each(['forged', 'own'])('get what that one found, which is found once (%s)', async (token) => {
    const world = createWorld(tokens(token))
    const source = world.create()

    const outcomes = await Promise.all([1, 2, 3].map(() => world.refreshAs(source, 'r1')))

    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1)
    expect([world.calls, world.verified]).toEqual([1, 1])
  })

  it('are told of trouble of the store when its answer cannot be read', async () => {
    const world = createWorld()
    const memory = createMemorySharedAnswers({ clock: () => world.now })
    const sharedAnswers = { ...memory, claim: async () => ({ settled: 'planted' }) }

    expect(await world.refreshAs(world.create({ sharedAnswers }), 'r1')).toEqual({
      kind: 'unavailable',
      status: 503,
      reason: 'unreadable_answer',
      retryAfterSeconds: 1,
      target: 'store',
    })
  })
})

describe('the work after an answer', () => {
  const createBackground = () => {
    const added: [Promise<unknown>, number | undefined][] = []
    return {
      added,
      background: {
        add: (...work: [Promise<unknown>, number?]) => void added.push([work[0], work[1]]),
        settle: () => null,
      },
    }
  }

  it('is a call whose caller was answered already', async () => {
    let answerLate = () => {}
    const late = new Promise<HttpResponse>((resolve) => (answerLate = () => resolve(tokens('a'))))
    const world = createWorld(late)
    const { added, background } = createBackground()
    const source = world.create({ background, limits: { answerSeconds: 0.01 } })

    expect(await world.refreshAs(source, 'r1')).toMatchObject({ status: 503, reason: 'timeout' })
    expect(added.map(([, seconds]) => seconds)).toEqual([35])
    answerLate()
    expect(await added[0]?.[0]).toMatchObject({ kind: 'refreshed', accessToken: 'a' })
  })

  it('is nothing where the caller got the answer', async () => {
    const { added, background } = createBackground()
    const world = createWorld(tokens('a'))
    await world.refreshAs(world.create({ background }), 'r1')
    expect(added).toEqual([])
  })
})
