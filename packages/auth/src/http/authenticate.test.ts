import { describe, expect, it } from 'vitest'
import {
  createAuthenticator,
  emitFailures,
  emitSuccesses,
  type AuthenticatedSessions,
  type Authenticator,
  type AuthenticatorParts,
  type UserSource,
} from './authenticate.js'
import { AuthError } from '../base/errors.js'
import type { Authenticated } from './perennial.js'
import type { MemberstackUser } from '../base/formats.js'
import { createProofCheck, type VerifiedToken } from '../tokens/index.js'

const user: MemberstackUser = { userId: 'mem_1', email: 'ada@example.com', roles: ['user'], customFields: {} }
const tokenWith = (claims: Readonly<Record<string, unknown>> = {}): VerifiedToken => ({
  kind: 'member',
  memberId: 'mem_1',
  claims: { iss: 'issuer', iat: 1, exp: 2, ...claims },
  expiresAt: 2,
  kid: undefined,
  boundTo: null,
  user: null,
  userFrom: null,
})
const whole = tokenWith({ email: user.email, roles: user.roles, customFields: {} })

/** An authenticator that knows one token, and how often the user context was asked. */
function start(token: VerifiedToken, found: () => MemberstackUser | Promise<MemberstackUser> = () => user) {
  const state = { asked: 0, verified: 0 }
  const userContext: UserSource = {
    userOf() {
      state.asked += 1
      return found()
    },
  }
  const parts: AuthenticatorParts = {
    verifier: {
      recall: (text) => (text === 'known' ? token : undefined),
      verify(text) {
        state.verified += 1
        if (text === 'known') return token
        if (text === 'fresh') return Promise.resolve(token)
        throw new AuthError('AUTH_TOKEN_INVALID', 'No.')
      },
    },
    userContext,
    proofs: createProofCheck({ clock: () => 0 }),
  }
  const authenticate = createAuthenticator(parts)
  const bearer = (text: string) =>
    authenticate({ authorization: `Bearer ${text}`, memberstackToken: undefined })
  return { state, authenticate, bearer }
}

describe('createAuthenticator', () => {
  it('answers at once where all is known, and later where it is not', async () => {
    const { bearer } = start(whole)
    const known = bearer('known')
    expect(known).toEqual({ user, claims: whole.claims })
    const fresh = bearer('fresh')
    expect(fresh).toBeInstanceOf(Promise)
    expect(await fresh).toEqual(known)
  })

  it('looks closely only at a token that did not pass before', () => {
    const { bearer, state } = start(whole)
    void bearer('known')
    expect(state).toEqual({ asked: 1, verified: 0 })
  })

  it('refuses a request without a usable token before anything is verified', () => {
    const { authenticate, state } = start(whole)
    for (const authorization of [undefined, '', 'Basic dTpw', 'Bearer a b'])
      expect(() => authenticate({ authorization, memberstackToken: undefined })).toThrow(
        expect.objectContaining({ code: 'AUTH_TOKEN_MISSING', status: 401 }),
      )
    expect(state.verified).toBe(0)
  })

  it('takes the usable one of two tokens, whether it passed before or not', async () => {
    const { authenticate } = start(whole)
    const expected = { user, claims: whole.claims }
    for (const authorization of ['', 'Basic dTpw', 'Bearer ä'])
      for (const memberstackToken of ['known', 'fresh'])
        expect(await authenticate({ authorization, memberstackToken })).toEqual(expected)
  })

  it('passes on what verification and the user context say', async () => {
    expect(() => start(whole).bearer('other')).toThrow(
      expect.objectContaining({ code: 'AUTH_TOKEN_INVALID' }),
    )
    const gone = new AuthError('AUTH_USER_CONTEXT_INVALID', 'No.')
    await expect(start(tokenWith(), () => Promise.reject(gone)).bearer('known')).rejects.toBe(gone)
  })
})

describe('an access token of ours', () => {
  const own = (claims: object = { sid: 's1', gen: 3, epoch: 2 }): VerifiedToken => ({
    ...tokenWith({ ...claims, mra: 90 }),
    kind: 'own',
  })
  /** An authenticator beside the knowledge of these sessions, and the uses that it noted. */
  const beside = (known: Partial<AuthenticatedSessions>, token = own()) => {
    const noted: unknown[] = []
    const sessions: AuthenticatedSessions = {
      revocations: { state: () => 'known', isEnded: () => false, catchUp: () => null },
      confirmations: { note: (...use) => void noted.push(use) },
      ...known,
    }
    const authenticate = createAuthenticator({
      verifier: { recall: () => token, verify: () => token },
      userContext: { userOf: () => user },
      proofs: createProofCheck({ clock: () => 0 }),
      pages: { mayRead: () => true, clock: () => 0 },
      sessions,
    })
    const header = (name: string) => (name === 'cookie' ? '__Host-perennial-access=t' : undefined)
    return {
      noted,
      byHeader: () => authenticate({ authorization: 'Bearer t', memberstackToken: undefined }),
      byCookie: () =>
        authenticate({
          authorization: undefined,
          memberstackToken: undefined,
          page: { method: 'GET', header },
        }),
    }
  }
  const revocations: AuthenticatedSessions['revocations'] = {
    state: () => 'known',
    isEnded: () => false,
    catchUp: () => null,
  }

  it('shows by its use that its client got it, but not by that of a cookie, which may not have arrived', () => {
    const { noted, byHeader, byCookie } = beside({})
    expect(byHeader()).toMatchObject({ user })
    expect(noted).toEqual([['s1', 3]])
    expect(byCookie()).toMatchObject({ user })
    expect(noted).toHaveLength(1)
  })

  it('is refused if its session has ended, with the session in the event, and its use is not noted', () => {
    const asked: unknown[] = []
    const isEnded = (...session: unknown[]) => asked.push(session) > 0
    const { noted, byHeader } = beside({ revocations: { ...revocations, isEnded } })
    expect(byHeader).toThrow(
      expect.objectContaining({
        code: 'AUTH_TOKEN_REVOKED',
        subject: { memberId: 'mem_1', sessionId: 's1' },
      }),
    )
    expect([asked, noted]).toEqual([[['s1', 2]], []])
  })

  it('is neither accepted nor refused before the list of ended sessions was read', () => {
    const { byHeader } = beside({ revocations: { ...revocations, state: () => 'unknown' } })
    expect(byHeader).toThrow(expect.objectContaining({ code: 'AUTH_UNAVAILABLE', reason: 'store' }))
  })

  it('waits for what ended meanwhile, after its process was stopped', async () => {
    let isEnded = false
    const { byHeader } = beside({
      revocations: {
        ...revocations,
        isEnded: () => isEnded,
        catchUp: async () => void (isEnded = true),
      },
    })
    await expect(Promise.resolve(byHeader())).rejects.toMatchObject({ code: 'AUTH_TOKEN_REVOKED' })
  })

  it('is refused after a change of the member, with the session in the event, but its use is noted', () => {
    const asked: unknown[] = []
    const memberChanges = { isOutdated: (...member: unknown[]) => asked.push(member) > 0 }
    const { noted, byHeader } = beside({ memberChanges })
    expect(byHeader).toThrow(
      expect.objectContaining({
        code: 'AUTH_TOKEN_EXPIRED',
        subject: { memberId: 'mem_1', sessionId: 's1' },
      }),
    )
    expect([asked, noted]).toEqual([[['mem_1', 90]], [['s1', 3]]])
  })

  it.each([{}, { sid: 's1' }, { gen: 1 }])('without a session is refused: %j', (claims) => {
    expect(beside({}, own(claims)).byHeader).toThrow(expect.objectContaining({ code: 'AUTH_TOKEN_INVALID' }))
  })
})

describe('what is told of an authenticated request', () => {
  const credentials = { authorization: 'Bearer t', memberstackToken: undefined }
  const member = (claims: object): Authenticated => ({
    user,
    claims: { iss: 'p', iat: 1, exp: 2, ...claims },
  })

  it('is its session, where it has one', async () => {
    const events: unknown[] = []
    const emit = (event: unknown) => void events.push(event)
    const found = [member({ sid: 's1' }), member({}), member({ sid: 7 })]
    const authenticate = emitSuccesses(() => found.shift() ?? Promise.resolve(member({ sid: 's2' })), {
      emit,
    })
    for (const requestId of ['r1', 'r2', 'r3', 'r4']) await authenticate(credentials, requestId)
    const success = { event: 'auth_success', memberId: 'mem_1' }
    expect(events).toStrictEqual([
      { ...success, requestId: 'r1', sessionId: 's1' },
      { ...success, requestId: 'r2' },
      { ...success, requestId: 'r3' },
      { ...success, requestId: 'r4', sessionId: 's2' },
    ])
    await authenticate(credentials)
    expect(Object(events[4]).requestId).toMatch(/^[\da-f-]{36}$/)
  })

  it('is each refusal, under the id of the request or one of its own', async () => {
    const told: [string, string][] = []
    const refuse = (authenticate: Authenticator) =>
      emitFailures(authenticate, {
        emitFailure: (error, requestId) => void told.push([error.code, requestId]),
        environment: 'production',
      })
    const refused = new AuthError('AUTH_TOKEN_INVALID', 'No.')
    const now = refuse(() => {
      throw refused
    })
    const later = refuse(() => Promise.reject(refused))
    expect(() => now(credentials, 'r1')).toThrow(refused)
    await expect(later(credentials, 'r2')).rejects.toBe(refused)
    expect(told).toEqual([
      ['AUTH_TOKEN_INVALID', 'r1'],
      ['AUTH_TOKEN_INVALID', 'r2'],
    ])
    expect(() => now(credentials)).toThrow(refused)
    await expect(later(credentials)).rejects.toBe(refused)
    for (const [, requestId] of told.slice(2)) expect(requestId).toMatch(/^[\da-f-]{36}$/)
  })
})
