import { beforeEach, describe, expect, it } from 'vitest'
import { provenBy } from '../../test/kit/proofs.js'
import { createRecorder, type Recorder } from '../../test/kit/recorder.js'
import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import { beginSession, type SessionRow } from '../sessions/index.js'
import { createRefresh, type ProvenToken, type RefreshOutcome, type RefreshSource } from './refresh.js'

let recorder: Recorder
beforeEach(() => {
  recorder = createRecorder()
})

const refreshed: RefreshOutcome = {
  kind: 'refreshed',
  accessToken: 'access',
  refreshToken: `${'h'.repeat(16)}1234567890123456`,
  memberId: 'mem_ada',
  sessionId: 's1',
  how: 'rotated',
}
const create = (source: Partial<RefreshSource>) =>
  createRefresh({
    source: { refresh: async () => refreshed, ...source },
    spendSession: async () => {},
    telemetry: recorder,
    clock: () => 1_000,
  })
const start = { id: 's1', memberId: 'mem_ada', userAgent: null, expiresAt: 9_000, sealedMember: null, now: 1 }
const proven = (jkt: string | null): ProvenToken => {
  const session: SessionRow = { ...beginSession({ ...start, jkt }), mark: '' }
  return { parts: { sessionId: 's1', generation: 1 }, session }
}

describe('callers with proofs', () => {
  it('share a run only with callers that have proven the same key', async () => {
    const asked: string[] = []
    const jkts = ['a', 'a', 'b', null]
    const refresh = create({
      prove: async () => proven(jkts.shift() ?? null),
      refresh: async (_, { proven: by }) => {
        asked.push(by?.session?.jkt ?? 'none')
        return refreshed
      },
    })
    const proof = provenBy('a')
    const callers = [proof, proof, proof, proof, undefined]
    await Promise.all(callers.map((one) => refresh('t', { requestId: 'req', proof: one })))
    // The caller whose session is not bound shares the run of the one without a proof.
    expect(asked).toEqual(['none', 'a', 'b'])
    expect(recorder.events.filter(({ how }) => how === 'coalesced')).toHaveLength(2)
  })

  it('whose session is not known are refused as others are', async () => {
    const refresh = create({
      prove: async () => ({ parts: { sessionId: 's1', generation: 1 }, session: null }),
      refresh: async () => ({ kind: 'refused', reason: 'unknown' }),
    })
    await expect(refresh('t', { requestId: 'req', proof: provenBy('a') })).rejects.toMatchObject({
      code: 'AUTH_TOKEN_REFRESH_FAILED',
      status: 401,
      reason: 'unknown',
    })
  })

  it('are refused or told to try again before anything is asked', async () => {
    const errors = [failure('proofInvalid', { reason: 'htm' }), failure('storeUnreachable')]
    const refresh = create({
      prove: () => Promise.reject(errors.shift() ?? new Error('a third time')),
      refresh: () => expect.fail(),
    })
    const context = { requestId: 'req', proof: provenBy('a') }
    await expect(refresh('t', context)).rejects.toMatchObject({ code: 'AUTH_PROOF_INVALID', reason: 'htm' })
    await expect(refresh('t', context)).rejects.toMatchObject({
      code: 'AUTH_TOKEN_REFRESH_FAILED',
      status: 503,
      retryable: true,
    })
    expect(recorder.events).toMatchObject([{ event: 'upstream_failure', target: 'store', requestId: 'req' }])
  })

  it('need none where no token is bound to a key', async () => {
    expect(await create({})('t', { requestId: 'req', proof: provenBy('a') })).toMatchObject({
      accessToken: 'access',
    })
  })

  it('learn that their access token is bound', async () => {
    const bound = create({ refresh: async () => ({ ...refreshed, isBound: true }) })
    expect(await bound('t', { requestId: 'req' })).toMatchObject({ isBound: true })
    const bearer = create({ refresh: async () => ({ ...refreshed, isBound: false }) })
    expect(await bearer('t', { requestId: 'req' })).not.toHaveProperty('isBound')
  })
})

describe('a refusal of the claims of the app', () => {
  const refuse = async (refusal: AuthError) => {
    const refresh = create({ refresh: () => Promise.reject(refusal) })
    return await refresh('t', { requestId: 'req' })
  }

  it('is a refusal of the refresh, which names the member', async () => {
    const subject = { memberId: 'mem_ada', sessionId: 's1' }
    const error = new AuthError('AUTH_USER_CONTEXT_INVALID', 'No.', { reason: 'claims_refused', subject })
    await expect(refuse(error)).rejects.toMatchObject({
      code: 'AUTH_TOKEN_REFRESH_FAILED',
      status: 401,
      reason: 'claims_refused',
      subject,
    })
    expect(recorder.events).toEqual([])
  })

  it('that can be tried again is trouble, and not of the store', async () => {
    await expect(refuse(failure('claimsUnavailable', { retryAfterSeconds: 7 }))).rejects.toMatchObject({
      code: 'AUTH_TOKEN_REFRESH_FAILED',
      status: 503,
      retryable: true,
      retryAfterSeconds: 7,
    })
    expect(recorder.events).toMatchObject([{ event: 'upstream_failure', reason: 'claims_refused' }])
    expect(recorder.events[0]?.target).not.toBe('store')
  })
})

describe('a second client of a session', () => {
  const client = (address: string) => ({ address, userAgent: 'UA' })
  let generation: number
  let how: 'rotated' | 'replayed'
  const current = () => ({ ...refreshed, how, refreshToken: `${'h'.repeat(16)}${generation + 1e15}` })
  beforeEach(() => {
    generation = 1
    how = 'rotated'
  })
  const suspicions = () => recorder.events.filter(({ event }) => event === 'session_shadow_suspected')

  it('that follows three generations is reported once, with the session', async () => {
    const refresh = create({ refresh: async () => current() })
    for (; generation <= 4; generation++) {
      how = 'rotated'
      await refresh('t', { requestId: 'req_1', client: client('192.0.2.1') })
      how = 'replayed'
      await refresh('t', { requestId: `req_${generation}`, client: client('192.0.2.2') })
      expect(suspicions()).toHaveLength(generation < 3 ? 0 : 1)
    }
    expect(suspicions()).toMatchObject([
      { requestId: 'req_3', memberId: 'mem_ada', sessionId: 's1', reason: 'followed' },
    ])
  })

  it('that shares a run follows too', async () => {
    const refresh = create({ refresh: async () => current() })
    for (; generation <= 3; generation++) {
      const callers = ['192.0.2.1', '192.0.2.2'].map((address) =>
        refresh('t', { requestId: 'req', client: client(address) }),
      )
      await Promise.all(callers)
    }
    expect(suspicions()).toHaveLength(1)
  })

  it('of a refresh API, which names no session, is not looked for', async () => {
    const { sessionId: _, ...withoutSession } = refreshed
    const refresh = create({
      refresh: async () => ({ ...withoutSession, how, refreshToken: current().refreshToken }),
    })
    for (; generation <= 4; generation++) {
      for (const [address, theirs] of [
        ['192.0.2.1', 'rotated'],
        ['192.0.2.2', 'replayed'],
      ] as const) {
        how = theirs
        await refresh('t', { requestId: 'req', client: client(address) })
      }
    }
    expect(suspicions()).toEqual([])
  })

  it('that rotates is not one, nor one that is not known, or has no session or no new token', async () => {
    const without = [
      {},
      { client: client('192.0.2.2') },
      { client: client('192.0.2.2'), refreshToken: undefined },
      { client: client('192.0.2.2'), sessionId: undefined },
    ]
    for (const [index, { client: follower, ...change }] of without.entries()) {
      const refresh = create({
        refresh: async () => {
          const { refreshToken, sessionId, ...rest } = { ...current(), ...(how === 'replayed' ? change : {}) }
          return {
            ...rest,
            ...(refreshToken !== undefined && { refreshToken }),
            ...(sessionId !== undefined && { sessionId }),
          }
        },
      })
      for (generation = 1; generation <= 4; generation++) {
        how = 'rotated'
        await refresh('t', { requestId: 'req', client: client('192.0.2.1') })
        how = index === 1 ? 'rotated' : 'replayed'
        await refresh('t', { requestId: 'req', ...(follower && { client: follower }) })
      }
    }
    expect(suspicions()).toEqual([])
  })
})

describe('what is not known', () => {
  it('is absent in answers and refusals', async () => {
    const { refreshToken: _, ...kept } = refreshed
    const answer = await create({ refresh: async () => kept })('t', { requestId: 'req' })
    expect(answer).not.toHaveProperty('refreshToken')
    const error: unknown = await create({ refresh: async () => ({ kind: 'refused', reason: 'malformed' }) })(
      't',
      {
        requestId: 'req',
      },
    ).catch((thrown: unknown) => thrown)
    expect(Object(error).subject).toEqual({})
  })

  it('as the reason of trouble is named so', async () => {
    const error = new AuthError('AUTH_UNAVAILABLE', 'No.', { status: 503 })
    const refresh = create({ refresh: () => Promise.reject(error) })
    await expect(refresh('t', { requestId: 'req' })).rejects.toMatchObject({
      status: 503,
      reason: 'unavailable',
      retryAfterSeconds: 1,
    })
  })
})
