// By who says so: the request itself, an access token or member JWT, a refresh token or its session, a webhook and the user
// context, the limits, and last the upstreams and the store.
const known: ReadonlySet<string> = new Set(
  `
  missing too_large origin not_found method internal role
  malformed header issuer algorithm type key signature audience claims not_yet_valid expired subject too_old refused
  unknown revoked reused member_deleted plan_lost upstream sign_out sign_out_everywhere reuse sign_in_refused contended
  headers timestamp body parsed member_id no_admin_api
  ip ip_refused session
  timeout too_late connect reset circuit_open quota unread pausing unavailable unexpected store limits signing_keys
  admin key_refused
  no_access_token unusable_refresh_token foreign_access_token expired_access_token unverifiable_access_token
  no_key_set key_set_away unreadable_answer
  `
    .trim()
    .split(/\s+/),
)

/**
 * The label a reason is counted under: itself when it is one of the words the code uses, `status_5xx` and the like for a
 * status, else `other`, so that no mistake can make labels without end or put an id into one.
 */
export function reasonLabel(reason: string | undefined): string {
  if (reason === undefined) return 'none'
  const word = reason.replaceAll('-', '_')
  if (known.has(word)) return word
  const status = /^status_([1-5])\d\d$/.exec(reason)
  return status ? `status_${status[1]}xx` : 'other'
}
