import { statusOf } from '../base/errors.js'
import { ends, proofs, reasons, refusals, troubles, webhooks } from '../base/reasons.js'
import { eventNames, type AuthEventName, type UpstreamTarget } from '../telemetry/index.js'

/** The peers whose trouble and duration are counted. */
export const targets: readonly UpstreamTarget[] = ['admin', 'refresh', 'jwks', 'store']

/** The reasons why a session ends. */
export const endLabels: readonly string[] = ends

/** The limits. */
export const limitLabels: readonly string[] = ['ip', 'ip_refused', 'session']

const codes = Object.keys(statusOf)
const statusLabels = ['status_1xx', 'status_2xx', 'status_3xx', 'status_4xx', 'status_5xx']

/** The reasons of trouble, and the classes of statuses. */
export const troubleLabels: readonly string[] = [...new Set([...troubles, ...statusLabels])]

/** Codes that always have the same reason. */
const onlyReasonOf: Readonly<Record<string, string>> = {
  AUTH_TOKEN_MISSING: 'missing',
  AUTH_TOKEN_REVOKED: 'revoked',
  AUTH_ORIGIN_DENIED: 'origin',
  AUTH_REQUEST_INVALID: 'request',
  AUTH_REQUEST_TOO_LARGE: 'too_large',
  AUTH_NOT_FOUND: 'not_found',
  AUTH_METHOD_NOT_ALLOWED: 'method',
  AUTH_INTERNAL_ERROR: 'internal',
}

/** The reasons of `AUTH_PROOF_INVALID`. */
const proofLabels: readonly string[] = [
  'missing',
  'malformed',
  'header',
  'type',
  'algorithm',
  'key',
  'signature',
  'claims',
  'expired',
  ...proofs,
]

/** Returns every pair of code and reason that a refusal may have, to set its counter to 0 at the start. */
export function refusalPairs(): readonly { readonly code: string; readonly reason: string }[] {
  const others = ['none', ...refusals, ...webhooks, ...troubleLabels]
  return codes
    .filter((code) => code !== 'AUTH_RATE_LIMITED')
    .flatMap((code) => {
      if (code === 'AUTH_PROOF_INVALID') return proofLabels.map((reason) => ({ code, reason }))
      const only = onlyReasonOf[code]
      const labels = code === 'AUTH_ROLE_INSUFFICIENT' ? ['role', 'none'] : only ? [only] : new Set(others)
      return [...labels].map((reason) => ({ code, reason }))
    })
}

const failures: readonly AuthEventName[] = ['auth_failure', 'upstream_failure']

/** Returns every pair of event and code that may occur. */
export function eventPairs(): readonly { readonly event: AuthEventName; readonly code: string }[] {
  return eventNames.flatMap((event) => codesOf(event).map((code) => ({ event, code })))
}

function codesOf(event: AuthEventName): readonly string[] {
  if (event === 'rbac_failure') return ['AUTH_ROLE_INSUFFICIENT']
  if (event === 'rate_limited') return ['AUTH_RATE_LIMITED']
  if (event === 'proof_refused') return ['AUTH_PROOF_INVALID']
  return failures.includes(event) ? ['none', ...codes] : ['none']
}

/** Returns the label of a code: the code itself, `none`, or `other` for what is no code of ours. */
export function codeLabel(code: string | undefined): string {
  if (code === undefined) return 'none'
  return Object.hasOwn(statusOf, code) ? code : 'other'
}

/** Returns the label of a target: the target itself, `none`, or `other`. */
export function targetLabel(target: string | undefined): string {
  if (target === undefined) return 'none'
  return knownTargets.has(target) ? target : 'other'
}

/**
 * Returns the label that a reason is counted under: the reason itself if it is a word of the list, `status_5xx` and the
 * like for a status, and `other` for everything else. So no mistake can make labels without end, or put an id into one.
 */
export function reasonLabel(reason: string | undefined): string {
  if (reason === undefined) return 'none'
  const word = reason.replaceAll('-', '_')
  if (reasons.has(word)) return word
  const status = /^status_([1-5])\d\d$/.exec(reason)
  return status ? `status_${status[1]}xx` : 'other'
}

const knownTargets: ReadonlySet<string> = new Set(targets)
