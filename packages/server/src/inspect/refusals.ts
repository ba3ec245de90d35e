import type { ReadToken } from './token-text.js'
import { duration, show } from './token-text.js'

/** What the deployment expects of a token. */
export interface Expectations {
  readonly mode: 'session' | 'forward'
  readonly ownIssuer: string
  readonly memberIssuer: string
  readonly appId: string
}

/** Whose token it is, by its issuer. */
export type TokenKind = 'access' | 'member' | 'foreign'

/** Longer ones are not looked at. */
const maxLength = 4096
const maxAgeSeconds = 3600
const clockToleranceSeconds = 5

/** By the issuer that a token names. */
export function kindOf({ claims }: ReadToken, { ownIssuer, memberIssuer }: Expectations): TokenKind {
  if (claims['iss'] === ownIssuer) return 'access'
  return claims['iss'] === memberIssuer ? 'member' : 'foreign'
}

/** Every reason to refuse a token at a protected route that it shows by itself; empty when there is none. */
export function refusalsOf(
  token: ReadToken,
  { expected, now, length }: { expected: Expectations; now: number; length: number },
): string[] {
  const refusals: string[] = []
  if (length > maxLength)
    refusals.push(`AUTH_TOKEN_MISSING: it has ${length} characters, more than ${maxLength}.`)
  refusals.push(...issuerRefusals(token, expected))
  const { aud } = token.claims
  if (aud !== expected.appId && !(Array.isArray(aud) && aud.includes(expected.appId)))
    refusals.push(`AUTH_TOKEN_INVALID: it is for ${show(aud)}, and this deployment is ${expected.appId}.`)
  return [...refusals, ...timeRefusals(token.claims, now)]
}

function issuerRefusals(token: ReadToken, expected: Expectations): string[] {
  const kind = kindOf(token, expected)
  const { alg, typ } = token.header
  if (kind === 'foreign')
    return [
      `AUTH_TOKEN_INVALID: its issuer is ${show(token.claims['iss'])}; trusted are ${expected.ownIssuer} and ${expected.memberIssuer}.`,
    ]
  const wanted = kind === 'access' ? 'ES256' : 'RS256'
  const refusals = alg === wanted ? [] : [`AUTH_TOKEN_INVALID: its algorithm is ${show(alg)}, not ${wanted}.`]
  if (kind === 'access' && typ !== 'at+jwt')
    refusals.push(`AUTH_TOKEN_INVALID: its type is ${show(typ)}, not at+jwt.`)
  if (kind === 'member' && expected.mode === 'session')
    refusals.push(
      'AUTH_TOKEN_INVALID: a member JWT opens no route in session mode; exchange it at POST /v1/auth/session.',
    )
  if (kind === 'access' && expected.mode === 'forward')
    refusals.push('AUTH_TOKEN_INVALID: in forward mode only member JWTs open a route.')
  return refusals
}

function timeRefusals(claims: ReadToken['claims'], now: number): string[] {
  const { iat, exp, nbf } = claims
  if (typeof iat !== 'number' || typeof exp !== 'number')
    return ['AUTH_TOKEN_INVALID: it lacks the time of its issue (iat) or of its end (exp).']
  const refusals: string[] = []
  const from = Math.max(iat, typeof nbf === 'number' ? nbf : iat)
  if (from > now + clockToleranceSeconds)
    refusals.push(`AUTH_TOKEN_INVALID: it begins in ${duration(from - now)}; compare the clocks.`)
  const expiresAt = Math.min(exp, iat + maxAgeSeconds)
  if (now >= expiresAt) {
    const rule = exp > expiresAt ? ', one hour after its issue, although its own exp is later' : ''
    refusals.push(`AUTH_TOKEN_EXPIRED: it ended ${duration(now - expiresAt)} ago${rule}. Refresh it.`)
  }
  return refusals
}
