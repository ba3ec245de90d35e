import { accessTokenMaxSeconds, clockToleranceSeconds } from '@perennial/auth'
import { duration, show, type ReadToken } from './token-text.js'

/** What the deployment expects of a token. */
export interface Expectations {
  readonly mode: 'session' | 'forward'
  readonly ownIssuer: string
  readonly memberIssuer: string
  readonly appId: string
}

/** Whose token it is, by its issuer. */
export type TokenKind = 'access' | 'member' | 'foreign'

/** By the issuer that a token names. */
export function kindOf({ claims }: ReadToken, { ownIssuer, memberIssuer }: Expectations): TokenKind {
  if (claims['iss'] === ownIssuer) return 'access'
  return claims['iss'] === memberIssuer ? 'member' : 'foreign'
}

/** Every reason to refuse a token at a protected route that it shows by itself; empty when there is none. */
export function refusalsOf(
  token: ReadToken,
  { expected, now }: { readonly expected: Expectations; readonly now: number },
): string[] {
  return [
    ...formRefusals(token),
    ...issuerRefusals(token, expected),
    ...audienceRefusals(token, expected),
    ...subjectRefusals(token, expected),
    ...timeRefusals(token.claims, now, adviceFor(token, expected)),
  ]
}

/** Header parameters that would name or embed a key, or change how the token is to be read (RFC 7515 §4.1, RFC 7797). */
const refusedParameters = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c']

function formRefusals({ header, isCanonical }: ReadToken): string[] {
  const refusals = isCanonical
    ? []
    : ['AUTH_TOKEN_INVALID: it is not spelled as tokens are: padding, or bits that belong to nothing.']
  const found = refusedParameters.filter((name) => Object.hasOwn(header, name))
  if (found.length > 0)
    refusals.push(`AUTH_TOKEN_INVALID: its header has ${found.join(', ')}, which is never taken.`)
  return refusals
}

const accessTokenTypes: readonly unknown[] = ['at+jwt', 'application/at+jwt']

function issuerRefusals(token: ReadToken, expected: Expectations): string[] {
  const kind = kindOf(token, expected)
  const { alg, typ } = token.header
  if (kind === 'foreign')
    return [
      `AUTH_TOKEN_INVALID: its issuer is ${show(token.claims['iss'])}; trusted are ${expected.ownIssuer} and ${expected.memberIssuer}.`,
    ]
  const wanted = kind === 'access' ? 'ES256' : 'RS256'
  const refusals = alg === wanted ? [] : [`AUTH_TOKEN_INVALID: its algorithm is ${show(alg)}, not ${wanted}.`]
  if (kind === 'access' && !accessTokenTypes.includes(typ))
    refusals.push(`AUTH_TOKEN_INVALID: its type is ${show(typ)}, not at+jwt.`)
  if (kind === 'member' && expected.mode === 'session')
    refusals.push(
      'AUTH_TOKEN_INVALID: a member JWT opens no route in session mode; exchange it at POST /v1/auth/session.',
    )
  if (kind === 'access' && expected.mode === 'forward')
    refusals.push('AUTH_TOKEN_INVALID: in forward mode only member JWTs open a route.')
  return refusals
}

function audienceRefusals({ claims: { aud } }: ReadToken, { appId }: Expectations): string[] {
  if (aud === appId || (Array.isArray(aud) && aud.includes(appId))) return []
  return [`AUTH_TOKEN_INVALID: it is for ${show(aud)}, and this deployment is ${appId}.`]
}

/** Whom it is about, and of which session. */
function subjectRefusals(token: ReadToken, expected: Expectations): string[] {
  const kind = kindOf(token, expected)
  const { sub, sid, gen, id } = token.claims
  if (kind === 'member') {
    const isMember = typeof id === 'string' && /^mem_[\w-]+$/.test(id)
    return isMember ? [] : ['AUTH_TOKEN_INVALID: it names no member (id).']
  }
  if (kind === 'foreign') return []
  const refusals = isText(sub) ? [] : ['AUTH_TOKEN_INVALID: it names nobody (sub).']
  const isOfSession = isText(sid) && Number.isSafeInteger(gen) && Number(gen) > 0
  return isOfSession ? refusals : [...refusals, 'AUTH_TOKEN_INVALID: it belongs to no session (sid, gen).']
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

/** A member JWT has no refresh token of ours. */
function adviceFor(token: ReadToken, expected: Expectations): string {
  const isMemberJwt = kindOf(token, expected) === 'member' && expected.mode === 'session'
  return isMemberJwt ? '' : ' Refresh it.'
}

function timeRefusals(claims: ReadToken['claims'], now: number, advice: string): string[] {
  const { iat, exp, nbf } = claims
  if (!isInstant(iat) || !isInstant(exp) || (nbf !== undefined && !isInstant(nbf)))
    return [
      'AUTH_TOKEN_INVALID: it lacks the time of its issue (iat) or of its end (exp), or one is no number.',
    ]
  const refusals: string[] = []
  const from = Math.max(iat, nbf ?? iat)
  if (from > now + clockToleranceSeconds)
    refusals.push(`AUTH_TOKEN_INVALID: it begins in ${duration(from - now)}; compare the clocks.`)
  const expiresAt = Math.min(exp, iat + accessTokenMaxSeconds)
  if (now >= expiresAt) {
    const rule = exp > expiresAt ? ', one hour after its issue, although its own exp is later' : ''
    refusals.push(`AUTH_TOKEN_EXPIRED: it ended ${duration(now - expiresAt)} ago${rule}.${advice}`)
  }
  return refusals
}

/** JSON has no infinity, but `1e999` parses to it. */
function isInstant(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
