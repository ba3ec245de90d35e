/** Reasons of refusals that the request, its tokens or its session give. */
export const refusals = [
  'missing',
  'request',
  'admin_key',
  'too_large',
  'origin',
  'not_found',
  'method',
  'role',
  'internal',
  'malformed',
  'header',
  'issuer',
  'algorithm',
  'type',
  'key',
  'signature',
  'audience',
  'claims',
  'not_yet_valid',
  'expired',
  'member_changed',
  'subject',
  'claims_refused',
  'too_old',
  'refused',
  'unknown',
  'revoked',
  'reused',
  'followed',
  'skipped',
  'member_deleted',
  'plan_lost',
  'upstream',
  'ip',
  'ip_refused',
  'session',
] as const

/** Reasons why a proof was refused, beside `missing` and those of tokens. The first four are the claims of RFC 9449 §4.2. */
export const proofs = ['htm', 'htu', 'iat', 'ath', 'repeated', 'other_key'] as const

/** Reasons why a session ended. */
export const ends = [
  'sign_out',
  'sign_out_everywhere',
  'reuse',
  'member_deleted',
  'plan_lost',
  'superseded',
  'operator',
  'everything',
] as const

/** Reasons why a webhook was not accepted. */
export const webhooks = ['headers', 'timestamp', 'signature', 'body', 'parsed', 'member_id'] as const

/** Reasons why an upstream or the store could not be used. */
export const troubles = [
  'admin',
  'no_admin_api',
  'key_refused',
  'quota',
  'malformed',
  'store',
  'limits',
  'forged_row',
  'forged_epoch',
  'signing_keys',
  'contended',
  'unread',
  'unavailable',
  'timeout',
  'too_late',
  'connect',
  'reset',
  'too_large',
  'circuit_open',
  'unexpected',
  'no_access_token',
  'unusable_refresh_token',
  'foreign_access_token',
  'expired_access_token',
  'unverifiable_access_token',
  'no_key_set',
  'key_set_away',
  'unreadable_answer',
] as const

/** Every reason that is a fixed word. */
export const reasons: ReadonlySet<string> = new Set<string>([
  ...refusals,
  ...proofs,
  ...ends,
  ...webhooks,
  ...troubles,
])

/** The reason why something was refused, ended or failed: for logs and metrics only, never for the caller. */
export type Reason =
  | (typeof refusals)[number]
  | (typeof proofs)[number]
  | (typeof ends)[number]
  | (typeof webhooks)[number]
  | (typeof troubles)[number]
  /** The status of an HTTP answer that could not be used, e.g. `status_503`. */
  | `status_${number}`

/** Returns the reason of an HTTP exchange that failed in this way. */
export function reasonOfExchange(kind: 'timeout' | 'connect' | 'reset' | 'too-large'): Reason {
  return kind === 'too-large' ? 'too_large' : kind
}
