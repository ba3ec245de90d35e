import { describe, expect, it } from 'vitest'
import { createAuthenticator, type AuthenticatorParts, type UserSource } from './authenticate.js'
import { AuthError } from '../base/errors.js'
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
