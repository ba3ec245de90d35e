import type { AuthEventName, Telemetry } from '../telemetry/index.js'
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
  session_reuse_detected: 'error',
  upstream_failure: 'error',
} as const satisfies Record<AuthEventName, keyof PinoLikeLogger>

const defaultPerCodePerMinute = 1_000

/**
 * Writes one line for each event, each accepted webhook and each kind of webhook that is not known, at `debug` one for each
 * answer of an upstream, and one when limits are counted together again; that they no longer were is an event. Of the failures
 * of one code no more than
 * `perCodePerMinute` (default 1,000) are written, so that strangers cannot fill the disk; the number dropped since is in the
 * next one's field `dropped`.
 */
export function createPinoSink(logger: PinoLikeLogger, options: FailureBoundOptions = {}): Telemetry {
  const { clock, perCodePerMinute = defaultPerCodePerMinute } = options
  const bound = createFailureBound({ clock, perCodePerMinute })
  return {
    emit(event) {
      const dropped = bound(event)
      if (dropped === null) return
      // The logger writes the name as `msg`, and a time of its own.
      const { event: name, timestamp: _timestamp, ...fields } = event
      logger[levelOf[name]](dropped > 0 ? { ...fields, dropped } : fields, name)
    },
    observeUpstream: (observation) => logger.debug(observation, 'upstream_answer'),
    observeLimits: (observation) => {
      if (observation.counted === 'together') logger.info(observation, 'limits_counted_together')
    },
    observe(observation) {
      const { kind, ...fields } = observation
      if (kind === 'webhook_accepted') logger.info(fields, kind)
      if (kind === 'webhook_not_understood') logger.warn(fields, kind)
    },
  }
}
