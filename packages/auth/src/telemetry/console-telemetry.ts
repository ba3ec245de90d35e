import type { AuthEvent, Telemetry } from './events.js'

/** Lines for a developer, by the reason of a failure. Each names the probable mistake. */
const adviceOf: Readonly<Record<string, string>> = {
  key_refused: 'Memberstack refuses the secret key. Check memberstack.secretKey: it begins with sk_.',
  audience: 'A token is of another Memberstack app. Check memberstack.appId: it begins with app_.',
  issuer:
    'A token of another issuer was sent where an access token of Perennial is expected, probably a member JWT of Memberstack. Exchange it first: POST /v1/auth/session.',
  no_admin_api: 'A token lacks fields of its user, and there is no memberstack.secretKey to read them with.',
  origin: 'A page of another origin was refused. Add it to allowedOrigins if it is yours.',
}

/**
 * Creates the telemetry of an application in development that has set none: it writes one line for each mistake that would
 * stay silent otherwise, and one for each kind of trouble with Memberstack or the store. A line is written once.
 * @param warn - writes a line @defaultValue `console.warn`
 */
export function createConsoleTelemetry(warn: (line: string) => void = console.warn): Telemetry {
  const written = new Set<string>()
  /** The peers whose trouble has a line with its cause. */
  const explained = new Set<string>()
  const write = (line: string | null) => {
    if (line === null || written.has(line)) return
    written.add(line)
    warn(`[perennial] ${line} (Set the option \`telemetry\` to see every event.)`)
  }
  return {
    emit(event) {
      const hasAdvice = event.reason !== undefined && Object.hasOwn(adviceOf, event.reason)
      if (hasAdvice || event.target === undefined || !explained.has(event.target)) write(lineFor(event))
    },
    observeUpstream() {},
    observe(observation) {
      if (observation.kind !== 'upstream_trouble') return
      const { target, host, reason, cause } = observation
      if (Object.hasOwn(adviceOf, reason)) return
      explained.add(target)
      write(`The ${peerNames[target]} cannot be used: ${cause}. It is ${host}.`)
    },
  }
}

/** Returns one of a fixed number of lines: of an event, it contains nothing but the target and the reason. */
function lineFor({ event, reason, target }: AuthEvent): string | null {
  const advice = reason === undefined ? undefined : adviceOf[reason]
  if (advice !== undefined && (event === 'auth_failure' || event === 'upstream_failure')) return advice
  if (event === 'session_reuse_detected')
    return 'A retired refresh token was used again. Its session has ended.'
  if (event !== 'upstream_failure') return null
  const status = reason?.replace(/^(status_[1-5])\d\d$/, '$1xx')
  return `The ${peerNames[target ?? 'store']} cannot be used (${status ?? 'unknown'}).`
}

const peerNames = {
  admin: 'admin API of Memberstack',
  refresh: 'refresh API',
  jwks: 'key set',
  store: 'store',
} as const
