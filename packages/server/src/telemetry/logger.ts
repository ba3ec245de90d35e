import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino'
import { openOutput, type Output } from '../base/output.js'

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /** A level of pino, or `silent`. */
  readonly level: string
  /** @defaultValue standard output */
  readonly destination?: DestinationStream | undefined
  /** True for lines that a person reads. Needs `pino-pretty`, a development dependency; JSON without it. */
  readonly readable?: boolean | undefined
  /** Called for each line that is dropped because standard output cannot be written. */
  readonly onDrop?: (() => void) | undefined
}

/** A logger that can be flushed. */
export interface OpenLogger {
  readonly logger: Logger
  /** Resolves once all lines are written. */
  flush(): Promise<void>
  /** Returns the number of lines that standard output has not taken. */
  countUnwritten(): number
}

/**
 * Creates a logger that writes JSON lines. Standard output is written asynchronously: a reader that is slow, has stopped or
 * is gone, and a full disk, hold up no request. Lines are then dropped, and a later line has their number. Of requests and
 * errors, only listed fields are logged.
 */
export async function createLogger(options: LoggerOptions): Promise<OpenLogger> {
  const { level, destination, onDrop } = options
  const output = destination ? null : openOutput({ fd: 1, onDropped: (count) => logDropped(count), onDrop })
  const stream = destination ?? toStream(output)
  const logger = createPino(level, options.readable ? await makeReadable(stream) : stream)
  const logDropped = (dropped: number) => logger.warn({ dropped }, 'log_lines_dropped')
  return {
    logger,
    countUnwritten: () => output?.countUnwritten() ?? 0,
    flush: () => new Promise((resolve) => (output ? output.flush(resolve) : logger.flush(() => resolve()))),
  }
}

/** Returns a stream that formats lines for people and writes them to `stream`. */
async function makeReadable(stream: DestinationStream): Promise<DestinationStream> {
  try {
    const { prettyFactory } = await import('pino-pretty')
    const format = prettyFactory({ colorize: true, singleLine: true, translateTime: 'SYS:HH:MM:ss' })
    return { write: (line) => stream.write(format(line)) }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return stream
    throw error
  }
}

/** Hides every other method: pino calls a synchronous flush if there is one. */
function toStream(output: Output | null): DestinationStream {
  return { write: (line) => output?.write(line) }
}

function createPino(level: string, stream: DestinationStream): Logger {
  return pino(
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
