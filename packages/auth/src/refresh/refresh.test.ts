import { beforeEach, describe, expect, it } from 'vitest'

import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import { createRecorder, type Recorder } from '../../test/kit/recorder.js'
import { type RefreshContext, type RefreshOutcome, type RefusalReason, createRefresh } from './refresh.js'

describe('createRefresh', () => {
  const now = Date.parse('2026-01-02T03:04:05.678Z') / 1000
  let recorder: Recorder
  const refreshed: RefreshOutcome = {
    kind: 'refreshed',
    accessToken: 'access',
    refreshToken: 'next',
    memberId: 'mem_1',
    sessionId: 's1',
    how: 'rotated',
  }

  beforeEach(() => {
    recorder = createRecorder()
  })

  const create = (
    answer: (refreshToken: string, context: RefreshContext) => Promise<RefreshOutcome>,
    spendSession: (key: string) => Promise<void> = async () => {},
  ) =>
    createRefresh({
      source: { refresh: answer },
      spendSession,
      telemetry: recorder,
      clock: () => now,
    })
  const errorOf = async (work: Promise<unknown>): Promise<AuthError> => {
    const error: unknown = await work.catch((caught: unknown) => caught)
    if (!(error instanceof AuthError)) throw new Error('expected an AuthError', { cause: error })
    return error
  }
  const context = { requestId: 'req-1' }

  it.each(['rotated', 'replayed', 'caught_up'] as const)(
    'hands on the tokens and tells how (%s)',
    async (how) => {
      const refresh = create(async () => ({ ...refreshed, how }))

      expect(await refresh('t', context)).toEqual({ accessToken: 'access', refreshToken: 'next' })
      expect(recorder.events).toEqual([
        {
          event: 'token_refreshed',
          timestamp: '2026-01-02T03:04:05.678Z',
          requestId: 'req-1',
          memberId: 'mem_1',
          sessionId: 's1',
          how,
        },
      ])
    },
  )

  it('hands on no refresh token where the presented one is still current', async () => {
    const refresh = create(async () => ({
      kind: 'refreshed',
      accessToken: 'a',
      memberId: 'mem_1',
      how: 'rotated',
    }))

    expect(await refresh('t', context)).toEqual({ accessToken: 'a' })
    expect(recorder.events[0]).not.toHaveProperty('sessionId')
  })

  it('asks once for all who present one token at once, and again for who comes later', async () => {
    const asked: string[] = []
    const refresh = create(async (refreshToken, { requestId }) => {
      asked.push(`${refreshToken} ${requestId}`)
      return { ...refreshed, accessToken: `access ${String(asked.length)}` }
    })

    const together = await Promise.all(
      Array.from({ length: 50 }, (_, caller) => refresh('t', { requestId: String(caller) })),
    )
    await refresh('t', { requestId: 'later' })

    expect(asked).toEqual(['t 0', 't later'])
    expect(new Set(together.map((answer) => answer.accessToken))).toEqual(new Set(['access 1']))
    expect(recorder.events.map((event) => event.how)).toEqual([
      'rotated',
      ...Array.from({ length: 49 }, () => 'coalesced'),
      'rotated',
    ])
    expect(new Set(recorder.events.map((event) => event.requestId)).size).toBe(51)
  })

  it('keeps tokens apart', async () => {
    const refresh = create(async (refreshToken) => ({ ...refreshed, accessToken: `for ${refreshToken}` }))

    const answers = await Promise.all([refresh('a', context), refresh('b', context)])

    expect(answers.map((answer) => answer.accessToken)).toEqual(['for a', 'for b'])
  })

  it('refuses in the same words whatever the reason, which only the log is told', async () => {
    const reasons: RefusalReason[] = [
      'malformed',
      'unknown',
      'expired',
      'revoked',
      'reused',
      'member_deleted',
      'upstream',
    ]
    const refused = await Promise.all(
      reasons.map((reason) => errorOf(create(async () => ({ kind: 'refused', reason }))('t', context))),
    )

    expect(refused.map((error) => error.reason)).toEqual(reasons)
    const visible = refused.map(({ code, status, message, retryable, retryAfterSeconds, headers }) =>
      JSON.stringify({ code, status, message, retryable, retryAfterSeconds, headers }),
    )
    expect(new Set(visible).size).toBe(1)
    expect(refused[0]).toMatchObject({ code: 'AUTH_TOKEN_REFRESH_FAILED', status: 401, retryable: false })
  })

  it('says for the log whose session was refused', async () => {
    const refresh = create(async () => ({
      kind: 'refused',
      reason: 'reused',
      memberId: 'mem_1',
      sessionId: 's1',
    }))

    expect((await errorOf(refresh('t', context))).subject).toEqual({ memberId: 'mem_1', sessionId: 's1' })
  })

  it('says nothing for the log of a token that belongs to no session', async () => {
    const refresh = create(async () => ({ kind: 'refused', reason: 'malformed' }))
    expect((await errorOf(refresh('t', context))).subject).toStrictEqual({})
  })

  it('tells of trouble of the refresh API where the source names no other peer', async () => {
    const reason = 'timeout'
    const refresh = create(async () => ({ kind: 'unavailable', status: 503, retryAfterSeconds: 1, reason }))
    await errorOf(refresh('t', context))
    expect(recorder.events).toMatchObject([{ event: 'upstream_failure', target: 'refresh', reason }])
  })

  it.each([502, 503] as const)('answers trouble with %d, retryable, and tells of it once', async (status) => {
    const refresh = create(async () => ({
      kind: 'unavailable',
      status,
      retryAfterSeconds: 7,
      reason: 'status_500',
      target: 'admin',
    }))

    const failures = await Promise.all([errorOf(refresh('t', context)), errorOf(refresh('t', context))])

    for (const failure of failures) {
      expect(failure).toMatchObject({
        code: 'AUTH_TOKEN_REFRESH_FAILED',
        status,
        retryable: true,
        retryAfterSeconds: 7,
        reason: 'status_500',
      })
    }
    expect(recorder.events).toMatchObject([
      {
        event: 'upstream_failure',
        requestId: 'req-1',
        code: 'AUTH_TOKEN_REFRESH_FAILED',
        reason: 'status_500',
        target: 'admin',
      },
    ])
  })

  it('answers a store that is away as trouble of a refresh, and goes on when it is back', async () => {
    let isAway = true
    const refresh = create(async () => {
      if (isAway) throw failure('storeUnreachable', { retryAfterSeconds: 3, reason: 'store' })
      return refreshed
    })

    expect(await errorOf(refresh('t', context))).toMatchObject({
      code: 'AUTH_TOKEN_REFRESH_FAILED',
      status: 503,
      retryable: true,
      retryAfterSeconds: 3,
      reason: 'store',
    })
    expect(recorder.events).toMatchObject([{ event: 'upstream_failure', target: 'store' }])
    isAway = false
    expect(await refresh('t', context)).toMatchObject({ accessToken: 'access' })
  })

  it('lets a used-up share through to all who wait', async () => {
    const limited = new AuthError('AUTH_RATE_LIMITED', 'too often', { retryable: true, retryAfterSeconds: 9 })
    const refresh = create(
      async (_token, { spend }) => {
        await spend('s1')
        return refreshed
      },
      async () => Promise.reject(limited),
    )

    const failures = await Promise.all([errorOf(refresh('t', context)), errorOf(refresh('t', context))])

    expect(failures).toEqual([limited, limited])
    expect(recorder.events).toEqual([])
  })

  it('spends what the source names', async () => {
    const spent: string[] = []
    const refresh = create(
      async (_token, { spend }) => {
        await spend('s1')
        return refreshed
      },
      async (key) => void spent.push(key),
    )

    await Promise.all([refresh('t', context), refresh('t', context)])

    expect(spent).toEqual(['s1'])
  })

  it('does not dress up a mistake of our own as trouble elsewhere', async () => {
    const refresh = create(async () => Promise.reject(new RangeError('a bug')))

    await expect(refresh('t', context)).rejects.toThrow(RangeError)
  })
})
