import { destination, type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino'

/** What {@link createLogger} needs. */
export interface LoggerOptions {
  /** pino's levels, or `silent`. */
  readonly level: string
  /** @defaultValue standard output */
  readonly destination?: DestinationStream | undefined
}

/** A logger, and its end. */
export interface OpenLogger {
  readonly logger: Logger
  /** Resolves when all lines are written. */
  flush(): Promise<void>
}

/** Bytes of lines that wait for standard output; above it lines are dropped. */
const mostWaiting = 4 * 1024 * 1024

/**
 * Writes JSON lines. Standard output is written beside the event loop: whoever reads it may be slow or stand still
 * without a request waiting for it. Requests and errors are logged by a list of what is safe, never whole.
 */
export function createLogger({ level, destination: given }: LoggerOptions): OpenLogger {
  const stream = given ?? destination({ dest: 1, sync: false, maxLength: mostWaiting })
  const logger = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { req: safeRequest, res: safeResponse, err: safeError, error: safeError },
      redact: { paths: secretFields, censor: '[redacted]' },
    },
    stream,
  )
  return {
    logger,
    flush: () => new Promise((resolve) => logger.flush(() => resolve())),
  }
}

// A net below the serializers: no line of ours has these fields.
const secretNames = [
  'authorization',
  'cookie',
  'headers',
  'accessToken',
  'refreshToken',
  'token',
  'secret',
  'body',
]
const secretFields = secretNames.flatMap((name) => [name, `*.${name}`])

/** The route rather than the address asked for, which may hold whatever a caller wrote there. */
function safeRequest(request: unknown): object {
  const { method, routeOptions, id } = asRecord(request)
  const { url } = asRecord(routeOptions)
  return { id, method, route: url }
}

function safeResponse(response: unknown): object {
  return { statusCode: asRecord(response)['statusCode'] }
}

// Errors of clients carry the request they failed at, headers included: only what an `Error` itself has is logged.
function safeError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : undefined
  const { code } = asRecord(error)
  return { name: error.name, code, message: error.message, stack: error.stack }
}

function asRecord(value: unknown): Record<string, unknown> {
  // Any object can be asked for any property; what comes back is unknown.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
