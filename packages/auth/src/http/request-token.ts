import type { Credentials } from './perennial.js'
import { maxTokenLength } from '../tokens/index.js'
import type { AuthRequest } from './auth-request.js'

/** Visible ASCII only (RFC 6750 §2.1 allows less still; the verifier looks closer). */
const visibleAscii = /^[\x21-\x7e]+$/

const bearer = /^bearer +(\S+) *$/i

/** Whether this could be a token at all: a non-empty string of visible ASCII, 4096 characters at most. */
export function isUsableToken(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxTokenLength && visibleAscii.test(value)
}

/**
 * The token of `Authorization: Bearer`, else of `x-memberstack-token`. Where both hold a usable one, `Authorization` wins:
 * it is the one that RFC 6750 §2.1 knows. Null when neither does.
 */
export function readToken({ authorization, memberstackToken }: Credentials): string | null {
  const bearer = authorization === undefined ? undefined : bearerToken(authorization)
  return [bearer, memberstackToken].find(isUsableToken) ?? null
}

/** As {@link readToken}, but whatever stands there: for those who look first whether they know it. */
export function presentedToken({ authorization, memberstackToken }: Credentials): string | undefined {
  return (authorization && bearerToken(authorization)) || memberstackToken
}

function bearerToken(authorization: string): string | undefined {
  // The usual spelling, without a regular expression: this runs before every request.
  if (authorization.startsWith('Bearer ') && !authorization.includes(' ', 7)) return authorization.slice(7)
  return bearer.exec(authorization)?.[1]
}

/** The two headers a token may come in. */
export function credentialsOf(request: Pick<AuthRequest, 'header'>): Credentials {
  return {
    authorization: request.header('authorization'),
    memberstackToken: request.header('x-memberstack-token'),
  }
}
