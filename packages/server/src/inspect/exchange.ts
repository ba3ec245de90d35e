import { clockToleranceSeconds } from '@perennial/auth'
import { duration, type ReadToken } from './token-text.js'

/** What an exchange goes by. */
export interface ExchangeRules {
  readonly appId: string
  readonly now: number
  /** `SIGN_IN_MAX_AGE_SECONDS` */
  readonly maxAgeSeconds: number | undefined
}

/** What `POST /v1/auth/session` would say to a member JWT, as far as that can be told without asking Memberstack. */
export function describeExchange({ claims }: ReadToken, rules: ExchangeRules): string {
  const { iat, exp, aud } = claims
  const { now, maxAgeSeconds = Number.POSITIVE_INFINITY } = rules
  const refused = (why: string) => `At the exchange: refused, ${why}`
  if (aud !== rules.appId) return refused('AUTH_TOKEN_INVALID: it is for another app.')
  if (typeof iat !== 'number' || typeof exp !== 'number')
    return refused('AUTH_TOKEN_INVALID: it lacks iat or exp.')
  if (iat > now + clockToleranceSeconds)
    return refused('AUTH_TOKEN_INVALID: it is dated in the future; compare the clocks.')
  if (now >= exp)
    return refused(`AUTH_TOKEN_EXPIRED: its own exp was ${duration(now - exp)} ago. Sign in again.`)
  if (now >= iat + maxAgeSeconds)
    return refused(
      `AUTH_TOKEN_EXPIRED: it is ${duration(now - iat)} old, and SIGN_IN_MAX_AGE_SECONDS is ${maxAgeSeconds}. Sign in again.`,
    )
  return 'At the exchange: nothing that it shows speaks against it. Memberstack is asked then, and whether the member signed out everywhere since.'
}
