import { describe, expect, it } from 'vitest'

import { createRecorder } from '../../test/kit/recorder.js'
import { HttpFailure, type HttpClient, type HttpRequest, type HttpResponse } from '../base/http-client.js'
import { createUpstreamCall, defaultForwardLimits, type CallRequest } from './upstream-call.js'

const good: HttpResponse = { status: 200, headers: {}, body: '{"accessToken":"a"}' }
const answered = { kind: 'answered', accessToken: 'a' }

/** The call of a refresh API that answers by the given functions, one after the other; the last one stays. */
function createWorld(...answers: readonly ((request: HttpRequest) => Promise<HttpResponse>)[]) {
  const requests: HttpRequest[] = []
  const troubles: string[][] = []
  const telemetry = createRecorder()
  const httpClient: HttpClient = (request) => {
    requests.push(request)
    const answer = answers[Math.min(requests.length, answers.length) - 1]
    return answer ? answer(request) : Promise.resolve(good)
  }
  const world = { now: 1_000, requests, troubles, telemetry, create }
  function create({
    secretKey,
    ...limits
  }: { secretKey?: string } & Partial<typeof defaultForwardLimits> = {}) {
    const call = createUpstreamCall({
      url: 'https://api.example/auth/refresh-token',
      adminOrigin: 'https://api.example',
      secretKey,
      httpClient,
      clock: () => world.now,
      telemetry,
      watch: { failed: (...trouble) => void troubles.push(trouble) },
      limits: { ...defaultForwardLimits, circuitFailures: 2, ...limits },
    })
    return (request: Partial<CallRequest> = {}) =>
      call({
        refreshToken: 'r',
        since: world.now,
        isAwaited: () => true,
        spend: async () => {},
        ...request,
      })
  }
  return world
}

const answer = (response: Partial<HttpResponse>) => async () => ({ ...good, ...response })
const fail = (kind: HttpFailure['kind'], cause?: Error) => () =>
  Promise.reject(new HttpFailure(kind, true, { cause }))

describe('a request to the refresh API', () => {
  it('accepts JSON, and carries no key where there is none', async () => {
    const { create, requests } = createWorld()
    await create()()
    expect(requests).toStrictEqual([
      {
        method: 'POST',
        url: 'https://api.example/auth/refresh-token',
        headers: { accept: 'application/json', 'content-type': 'application/json' },
        body: '{"refreshToken":"r"}',
        timeoutSeconds: 30,
        maxBodyBytes: 262_144,
      },
    ])
  })

  it.each([
    ['no time has passed', 0, 30],
    ['10 s have passed', 10, 20],
    ['more than all its time has passed: a tenth is left', 300, 3],
    ['the clock was set back: no more than all of it', -300, 30],
  ])('has the time that is left since it was asked for: %s', async (_when, passed, seconds) => {
    const world = createWorld()
    const call = world.create()
    const since = world.now
    world.now += passed
    await call({ since })
    expect(world.requests[0]?.timeoutSeconds).toBe(seconds)
  })

  it('is not made when its caller has been answered while it waited for leave, which says nothing of the API', async () => {
    const world = createWorld(answer({ status: 500 }), answer({ status: 500 }), answer({}))
    const call = world.create()
    await call()
    await call()
    world.now += 5

    const late = await call({ isAwaited: () => false })

    expect(late).toEqual({
      kind: 'unavailable',
      status: 503,
      reason: 'too_late',
      retryAfterSeconds: 1,
      target: 'refresh',
    })
    expect(world.requests).toHaveLength(2)
    // The trial of the circuit is free again.
    expect(await call()).toEqual(answered)
  })
})

describe('a refresh API', () => {
  it('that answers later than a caller waits counts as failing, although its answer is used', async () => {
    const answers: (() => void)[] = []
    const late = () => new Promise<HttpResponse>((resolve) => answers.push(() => resolve(good)))
    const world = createWorld(late)
    const call = world.create({ answerSeconds: 0.01 })

    const calls = [call(), call()]
    await expect.poll(() => call({ isAwaited: () => false })).toMatchObject({ reason: 'circuit_open' })
    for (const end of answers) end()

    expect(await Promise.all(calls)).toEqual([answered, answered])
  })

  it('that answers while a caller waits does not count as failing, however many calls are under way', async () => {
    let answerAll = () => {}
    const together = new Promise<HttpResponse>((resolve) => (answerAll = () => resolve(good)))
    const world = createWorld(() => together)
    const call = world.create()
    const calls = Array.from({ length: 4 }, () => call())
    // The time limit of a caller that has less time passes; timers of this process end in their order.
    const hasty = createWorld(() => together).create({ answerSeconds: 0.01, circuitFailures: 1 })
    const hastyCall = hasty()
    await expect.poll(() => hasty({ isAwaited: () => false })).toMatchObject({ reason: 'circuit_open' })

    const one = call()
    answerAll()

    expect(await Promise.all([...calls, one, hastyCall])).toEqual(Array.from({ length: 6 }, () => answered))
  })

  it.each<[string, () => Promise<HttpResponse>, string, string]>([
    ['a status', answer({ status: 500, body: '{}' }), 'status_500', 'status 500'],
    ['HTML', answer({ status: 502, body: '<html>' }), 'status_502', 'status 502, HTML instead of JSON'],
    ['no token', answer({ body: '{"token":"a"}' }), 'no_access_token', 'status 200 (no_access_token)'],
    [
      'a refused connection',
      fail('connect', Object.assign(new Error('canary'), { code: 'ECONNREFUSED' })),
      'connect',
      'nothing listens at this address (ECONNREFUSED)',
    ],
    ['no answer', fail('timeout'), 'timeout', 'no answer within 30 s'],
  ])('in trouble is reported with its cause: %s', async (_name, behave, reason, cause) => {
    const { create, troubles, telemetry } = createWorld(behave)
    expect(await create()()).toMatchObject({ kind: 'unavailable', reason })
    expect(troubles).toEqual([[reason, cause]])
    expect(telemetry.observed).toMatchObject([{ target: 'refresh', outcome: 'failed' }])
  })

  it.each([
    ['tokens', answer({}), 'ok'],
    ['a refusal', answer({ status: 401 }), 'refused'],
  ])('that answers %s is not in trouble', async (_name, behave, outcome) => {
    const { create, troubles, telemetry } = createWorld(behave)
    await create()()
    expect(troubles).toEqual([])
    expect(telemetry.observed).toMatchObject([{ outcome }])
  })

  it.each([
    ['as long as it took', 3, 3],
    ['no time at all if the clock was set back', -3, 0],
  ])('is observed with the duration of the call: %s', async (_name, passed, durationSeconds) => {
    const world = createWorld(async () => {
      world.now += passed
      return good
    })
    await world.create()()
    expect(world.telemetry.observed).toEqual([{ target: 'refresh', outcome: 'ok', durationSeconds }])
  })
})
