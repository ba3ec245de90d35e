import { destination, type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino'

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /** A level of pino, or `silent`. */
  readonly level: string
  /** @defaultValue standard output */
  readonly destination?: DestinationStream | undefined
}

/** A logger that can be flushed. */
export interface OpenLogger {
  readonly logger: Logger
  /** Resolves once all lines are written. */
  flush(): Promise<void>
}

/** The most bytes of log lines that wait for standard output; further lines are dropped. */
const mostWaiting = 4 * 1024 * 1024

/**
 * Creates a logger that writes JSON lines. Standard output is written asynchronously, so a reader that is slow or has
 * stopped holds up no request. Of requests and errors, only listed fields are logged.
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

// A second defence behind the serializers: no line of ours has these fields.
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

/** Logs the route instead of the URL, which may hold anything that a caller put there. */
function safeRequest(request: unknown): object {
  const { method, routeOptions, id } = asRecord(request)
  const { url } = asRecord(routeOptions)
  return { id, method, route: url }
}

function safeResponse(response: unknown): object {
  return { statusCode: asRecord(response)['statusCode'] }
}

// Errors of HTTP clients carry the failed request with its headers, so only the fields of `Error` are logged.
function safeError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : undefined
  const { code } = asRecord(error)
  return { name: error.name, code, message: error.message, stack: error.stack }
}

function asRecord(value: unknown): Record<string, unknown> {
  // Reading any property of an object is safe; its type is unknown.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
