import type { AuthEventName, Telemetry } from '../telemetry/index.js'

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
  session_reuse_detected: 'error',
  upstream_failure: 'error',
} as const satisfies Record<AuthEventName, keyof PinoLikeLogger>

/**
 * Writes one line for each event, its fields as they are, at `debug` one for each answer of an upstream, and one when
 * limits are counted together again; that they no longer were is an event.
 */
export function createPinoSink(logger: PinoLikeLogger): Telemetry {
  return {
    emit: (event) => logger[levelOf[event.event]](event, event.event),
    observeUpstream: (observation) => logger.debug(observation, 'upstream_answer'),
    observeLimits: (observation) => {
      if (observation.counted === 'together') logger.info(observation, 'limits_counted_together')
    },
  }
}
