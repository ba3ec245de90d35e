import { AuthError } from '../base/errors.js'
import { HttpFailure, type HttpClient, type HttpResponse } from '../base/http-client.js'

/** The parties whose answers Perennial waits for. */
export type UpstreamTarget = 'admin' | 'refresh' | 'jwks' | 'store'

/** Values of a span. None of them is a token, a key, a cookie, an address of an e-mail or a part of a URL that could hold one. */
export type TraceAttributes = Readonly<Record<string, string | number>>

/** An operation that a sink can measure, together with the operations that run inside it. */
export interface TracedOperation {
  /** `call`: a request to Memberstack, to a refresh API, to the address of a key set, or to the store. */
  readonly name: 'refresh' | 'exchange' | 'authenticate' | 'call'
  /** `call` only. */
  readonly target?: UpstreamTarget
  /** Known before it runs. */
  readonly attributes: TraceAttributes
}

/** The values of an operation that is over. */
export interface TraceOutcome {
  readonly attributes: TraceAttributes
  readonly isFailure: boolean
}

/**
 * Runs an operation once and returns its result. `run` takes headers that name the operation to the peer that it calls, such as
 * `traceparent` (W3C Trace Context).
 */
export type Trace = <Result>(
  operation: TracedOperation,
  run: (headers: Readonly<Record<string, string>>) => Promise<Result>,
) => Promise<Result>

/** The part of a sink that traces. */
export interface Tracing {
  /** Optional, for sinks that measure operations as spans. */
  trace?: Trace | undefined
}

/** Returns `run` as a traced operation, or `run` itself if no sink traces. */
export function traced<Given extends readonly unknown[], Result>(
  telemetry: Tracing,
  name: TracedOperation['name'],
  run: (...given: Given) => Promise<Result>,
): (...given: Given) => Promise<Result> {
  const trace = telemetry.trace?.bind(telemetry)
  if (trace === undefined) return run
  return (...given) => trace({ name, attributes: {} }, () => run(...given))
}

/** Returns a client whose calls are traced and carry the headers of the trace, or the client itself if no sink traces. */
export function traceCalls(httpClient: HttpClient, telemetry: Tracing, target: UpstreamTarget): HttpClient {
  const trace = telemetry.trace?.bind(telemetry)
  if (trace === undefined) return httpClient
  return (request) => {
    const { method, url } = request
    const operation = {
      name: 'call',
      target,
      attributes: { 'http.request.method': method, ...peerOf(url) },
    } as const
    return trace(operation, (headers) =>
      httpClient({ ...request, headers: { ...request.headers, ...headers } }),
    )
  }
}

/** The path and the query stay out: they can hold ids and keys. */
function peerOf(url: string): TraceAttributes {
  const parsed = URL.parse(url)
  if (!parsed) return {}
  const port = Number(parsed.port || (parsed.protocol === 'https:' ? 443 : 80))
  return { 'server.address': parsed.hostname, 'server.port': port }
}

/** Returns the outcome of an operation that has resolved. */
export function outcomeOfResult(result: unknown): TraceOutcome {
  if (!isHttpResponse(result)) return { attributes: {}, isFailure: false }
  return { attributes: { 'http.response.status_code': result.status }, isFailure: result.status >= 500 }
}

function isHttpResponse(result: unknown): result is Pick<HttpResponse, 'status'> {
  return (
    typeof result === 'object' && result !== null && 'status' in result && typeof result.status === 'number'
  )
}

/** Returns the outcome of an operation that has rejected. The message stays out. A refusal is no failure of ours. */
export function outcomeOfError(error: unknown): TraceOutcome {
  if (error instanceof AuthError)
    return { attributes: { 'error.type': error.code }, isFailure: error.status >= 500 }
  const kind = error instanceof HttpFailure ? error.kind : 'unexpected'
  return { attributes: { 'error.type': kind }, isFailure: true }
}
