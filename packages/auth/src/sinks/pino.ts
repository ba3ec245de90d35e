import { troubles } from '../base/reasons.js'
import type { AuthEvent, AuthEventName, Observation, Telemetry } from '../telemetry/index.js'
import { createFailureBound, type FailureBoundOptions } from './failure-bound.js'

/** The part of a pino logger that the sink uses; any logger with these methods will do. */
export interface PinoLikeLogger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The log level of each event. */
const levelOf = {
  auth_success: 'info',
  token_refreshed: 'info',
  session_created: 'info',
  session_revoked: 'info',
  auth_failure: 'warn',
  rbac_failure: 'warn',
  rate_limited: 'warn',
  session_shadow_suspected: 'warn',
  proof_refused: 'warn',
  session_reuse_detected: 'error',
  upstream_failure: 'error',
} as const satisfies Record<AuthEventName, keyof PinoLikeLogger>

const defaultPerCodePerMinute = 1_000

/**
 * Writes one line for each event, each accepted webhook and each kind of webhook that is not known, at `debug` one for each
 * answer of an upstream, and one when limits are counted together again; that they no longer were is an event. Trouble of the
 * store or an upstream is written once, with its cause, and once when it is over. While it lasts, the failures that it causes are written
 * at `debug`. Of the failures of one code no more than `perCodePerMinute` (default 1,000) are written, so that strangers cannot
 * fill the disk; the number dropped since is in the next one's field `dropped`.
 */
export function createPinoSink(logger: PinoLikeLogger, options: FailureBoundOptions = {}): Telemetry {
  const { clock, perCodePerMinute = defaultPerCodePerMinute } = options
  const bound = createFailureBound({ clock, perCodePerMinute })
  const known = createKnownTrouble()
  return {
    emit(event) {
      const isKnown = known.explains(event)
      const dropped = isKnown ? 0 : bound(event)
      if (dropped === null) return
      // The logger writes the name as `msg`, and a time of its own.
      const { event: name, timestamp: _timestamp, ...fields } = event
      const level = isKnown ? 'debug' : levelOf[name]
      const hint = fields.reason === undefined ? undefined : hintOf[`${fields.code} ${fields.reason}`]
      const line = { ...fields, ...(hint === undefined ? {} : { hint }), ...(dropped > 0 ? { dropped } : {}) }
      logger[level](line, name)
    },
    observeUpstream: (observation) => logger.debug(observation, 'upstream_answer'),
    observeLimits: (observation) => {
      if (observation.counted === 'together') logger.info(observation, 'limits_counted_together')
    },
    observe(observation) {
      known.note(observation)
      if (observation.kind === 'clock') writeClock(logger, observation)
      else writeObservation(logger, observation)
    },
  }
}

function writeObservation(
  logger: PinoLikeLogger,
  { kind, ...fields }: Exclude<Observation, { kind: 'clock' }>,
): void {
  if (kind === 'webhook_accepted' || kind === 'upstream_recovered') logger.info(fields, kind)
  if (kind === 'webhook_not_understood') logger.warn(fields, kind)
  if (kind === 'upstream_trouble') logger.error(fields, 'upstream_failure')
}

/** Writes that a clock differs, and that it no longer does. */
function writeClock(
  logger: PinoLikeLogger,
  { peer, host, aheadSeconds, differs, isNews }: Extract<Observation, { kind: 'clock' }>,
): void {
  if (!isNews) return
  if (differs) logger.warn({ host, aheadSeconds, error: clockAdvice[peer] }, 'clock_differs')
  else logger.info({ host, aheadSeconds }, 'clock_agrees')
}

const clockAdvice = {
  store:
    'The clocks of this machine and of the store differ. That of the store is used for sessions and tokens. Set both by NTP.',
  memberstack:
    'The clocks of this machine and of Memberstack differ: member JWTs may be refused. Set the clock of this machine by NTP.',
}

/** Advice about a refusal that a wrong setting may cause, by code and reason. */
const hintOf: Readonly<Record<string, string>> = {
  'AUTH_WEBHOOK_INVALID signature':
    'Compare MEMBERSTACK_WEBHOOK_SECRET with the signing secret of the webhook at Memberstack.',
  'AUTH_WEBHOOK_INVALID timestamp': 'Check the clock of this machine (NTP): a webhook is signed for 300 s.',
  'AUTH_TOKEN_INVALID not_yet_valid': 'Check the clock of this machine (NTP): the token is from its future.',
  'AUTH_TOKEN_INVALID audience': 'Check MEMBERSTACK_APP_ID, if this happens to everybody.',
  'AUTH_ORIGIN_DENIED origin': 'Add the origin to CORS_ORIGIN if it is yours.',
}

const troubleReasons: ReadonlySet<string> = new Set(troubles)

/** Knows the trouble that the log has a line about, and the failures that it explains. */
function createKnownTrouble() {
  const open = new Map<string, string>()
  /** The request of the last `upstream_failure`, whose refusal follows. */
  let lastRequestId: string | undefined
  return {
    note(observation: Observation): void {
      if (observation.kind !== 'upstream_trouble' && observation.kind !== 'upstream_recovered') return
      const { kind, target, host } = observation
      if (kind === 'upstream_trouble') open.set(`${target} ${host}`, target)
      else open.delete(`${target} ${host}`)
    },
    explains({ event, target, reason, requestId }: AuthEvent): boolean {
      if (event === 'upstream_failure') {
        lastRequestId = requestId
        return !ownReasons.has(reason) && [...open.values()].some((known) => known === target)
      }
      if (event !== 'auth_failure' || reason === undefined) return false
      if (!troubleReasons.has(reason) && !reason.startsWith('status_')) return false
      return open.size > 0 || lastRequestId === requestId
    },
  }
}

/** Trouble of its own kind, which that of the store does not explain. */
const ownReasons: ReadonlySet<string | undefined> = new Set(['limits', 'forged_row', 'signing_keys'])
