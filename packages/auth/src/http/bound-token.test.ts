import { describe, expect, it } from 'vitest'

import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { ProofRequest, VerifiedToken } from '../tokens/index.js'
import { createBoundTokens, refuseBound, tokenOfDpop } from './bound-token.js'
import type { Authenticated } from './perennial.js'

const tokenWith = (change: Partial<VerifiedToken> = {}): VerifiedToken => ({
  kind: 'own',
  memberId: 'mem_ada',
  claims: { iss: 'perennial', iat: 1, exp: 2, sid: 's1', gen: 1 },
  expiresAt: 2,
  kid: undefined,
  boundTo: 'thumbprint',
  user: null,
  userFrom: null,
  ...change,
})
const member: Authenticated = {
  user: { userId: 'mem_ada', email: 'ada@example.com', roles: [], customFields: {} },
  claims: { iss: 'perennial', iat: 1, exp: 2 },
}
const proof: ProofRequest = { proof: 'a.b.c', method: 'GET', url: () => 'https://app.example/', source: {} }
const challenge = { 'www-authenticate': 'DPoP algs="ES256", error="invalid_token"' }
const subject = { memberId: 'mem_ada', sessionId: 's1' }

interface Outcome {
  readonly token?: VerifiedToken
  readonly reason?: 'htu' | null
  readonly error?: unknown
}

function authenticateAs({ token = tokenWith(), reason = null, error }: Outcome = {}) {
  const checked: unknown[] = []
  const authenticate = createBoundTokens({
    proofs: {
      async useWithToken(...given) {
        checked.push(given)
        return reason
      },
    },
    verify: () => token,
    admit: () => (error === undefined ? member : Promise.reject(error)),
  })
  return { checked, authenticate }
}

describe('tokenOfDpop', () => {
  it.each([
    ['DPoP a.b.c', 'a.b.c'],
    ['dpop  a.b.c  ', 'a.b.c'],
    ['DPoP', undefined],
    ['DPoP a b', undefined],
    ['xDPoP a', undefined],
    ['Digest a', undefined],
    ['Bearer a.b.c', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('finds in %j the token %j', (authorization, token) => {
    expect(tokenOfDpop({ authorization, memberstackToken: undefined })).toBe(token)
  })
})

describe('a token that is bound to a key', () => {
  it('is refused under another scheme, with its session in the event', () => {
    expect(() => refuseBound(tokenWith())).toThrow(
      expect.objectContaining({ code: 'AUTH_PROOF_INVALID', subject }),
    )
    expect(() => refuseBound(tokenWith({ boundTo: null }))).not.toThrow()
  })

  it('is admitted with a proof by that key', async () => {
    const { checked, authenticate } = authenticateAs()
    expect(await authenticate('a.b.c', proof)).toBe(member)
    expect(checked).toEqual([[proof, 'a.b.c', 'thumbprint']])
  })

  it.each([
    ['no proof', undefined, null, 'missing'],
    ['a proof that is refused', proof, 'htu', 'htu'],
  ] as const)(
    'is refused with %s, a challenge, and its session in the event',
    async (_name, given, found, reason) => {
      const { authenticate } = authenticateAs({ reason: found })
      await expect(authenticate('a.b.c', given)).rejects.toMatchObject({
        code: 'AUTH_PROOF_INVALID',
        status: 401,
        reason,
        subject,
        headers: { 'www-authenticate': 'DPoP algs="ES256", error="invalid_dpop_proof"' },
      })
    },
  )

  it('is what the scheme is for: other tokens are refused, with their member in the event', async () => {
    const { checked, authenticate } = authenticateAs({ token: tokenWith({ boundTo: null, kind: 'member' }) })
    const error = await authenticate('a.b.c', proof).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'AUTH_TOKEN_INVALID', headers: challenge })
    expect(Object(error).subject).toStrictEqual({ memberId: 'mem_ada' })
    expect(checked).toEqual([])
  })

  it('is missing where its characters cannot be those of a token', async () => {
    await expect(authenticateAs().authenticate('ä', proof)).rejects.toMatchObject({
      code: 'AUTH_TOKEN_MISSING',
      headers: challenge,
    })
  })
})

describe('the refusal of a request with a DPoP token', () => {
  it('has the challenge of that scheme, and is the same otherwise', async () => {
    const cause = new Error('of the refusal')
    const error = new AuthError('AUTH_TOKEN_REVOKED', 'Over.', { subject, reason: 'key', cause })
    await expect(authenticateAs({ error }).authenticate('a.b.c', proof)).rejects.toMatchObject({
      code: 'AUTH_TOKEN_REVOKED',
      message: 'Over.',
      status: 401,
      reason: 'key',
      subject,
      cause,
      headers: challenge,
    })
  })

  it.each([
    ['trouble', failure('storeUnreachable')],
    ['an error that is not ours', new TypeError('a bug')],
    [
      'a challenge of its own',
      new AuthError('AUTH_TOKEN_INVALID', 'No.', { headers: { 'www-authenticate': 'x' } }),
    ],
  ])('is passed on as it is: %s', async (_name, error) => {
    await expect(authenticateAs({ error }).authenticate('a.b.c', proof)).rejects.toBe(error)
  })
})
