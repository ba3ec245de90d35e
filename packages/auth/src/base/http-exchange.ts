import type { Dispatcher } from 'undici'
import { KnownCause } from './causes.js'
import { acceptedEncodings, decodeBody } from './content-encoding.js'
import { HttpFailure, type HttpRequest, type HttpResponse } from './http-client.js'
import { malformed, type Target } from './http-target.js'

type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2]

const defaultMaxBodyBytes = 1024 * 1024

/**
 * Sends one request and reads its whole answer. It runs at every refresh. It uses `dispatch`, because undici's `request`
 * adds a stream to every answer and does not report whether the request was written.
 * @throws {@link HttpFailure} rejected: no whole answer came
 * @throws TypeError rejected: a header or the path cannot be sent
 */
export function exchange(to: Dispatcher, target: Target, request: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const call = createCall({ resolve, reject }, request.timeoutSeconds)
    to.dispatch(toDispatch(target, request), createHandler(call, request.maxBodyBytes ?? defaultMaxBodyBytes))
  })
}

/** One call, which ends once: by an answer, a failure or its time limit. */
interface Call {
  /** Called immediately before the request is written. */
  start(controller: Dispatcher.DispatchController): void
  succeed(response: HttpResponse): void
  fail(kind: HttpFailure['kind'], cause?: Error): void
  /** Ends the call with the error that undici reports. */
  failBy(error: Error): void
}

function createCall(
  {
    resolve,
    reject,
  }: { readonly resolve: (response: HttpResponse) => void; readonly reject: (error: Error) => void },
  timeoutSeconds: number,
): Call {
  let written: Dispatcher.DispatchController | undefined
  let isEnded = false
  const end = (settle: () => void) => {
    if (isEnded) return
    isEnded = true
    clearTimeout(timer)
    settle()
  }
  const fail: Call['fail'] = (kind, cause) =>
    end(() => {
      reject(new HttpFailure(kind, written !== undefined, cause && { cause }))
      written?.abort(new Error('abandoned'))
    })
  const timer = setTimeout(fail, timeoutSeconds * 1000, 'timeout')
  return {
    start(controller) {
      // A call that has ended is not sent later, and a call that was written is not written again.
      if (isEnded || written) controller.abort(new Error('abandoned'))
      else written = controller
    },
    succeed: (response) => end(() => resolve(response)),
    fail,
    failBy(error) {
      if (written) fail('reset', toCause(error, 'sent'))
      else if (isMalformed(error)) end(() => reject(malformed(toCause(error, 'unsent'))))
      else fail(kindUnsent(error), toCause(error, 'unsent'))
    },
  }
}

/**
 * Collects the answer. undici calls `onRequestStart` immediately before it writes to an open connection (with TLS and a
 * proxy's tunnel in place). What fails before that was not sent.
 */
function createHandler(call: Call, maxBytes: number): Dispatcher.DispatchHandler {
  const chunks: Buffer[] = []
  let size = 0
  let status = 0
  let headers: Headers = {}
  const succeed = (body: Buffer) =>
    call.succeed({ status, headers: flatten(headers), body: body.toString('utf8') })
  return {
    onRequestStart: (controller) => call.start(controller),
    // Called for informational answers (1xx) too, before the final one.
    onResponseStart(_controller, statusCode, received) {
      status = statusCode
      headers = received
    },
    onResponseData(_controller, chunk) {
      size += chunk.length
      if (size > maxBytes) call.fail('too-large')
      else chunks.push(chunk)
    },
    onResponseEnd() {
      const body = joined(chunks)
      const encoding = headers['content-encoding']
      if (encoding === undefined) succeed(body)
      else
        decodeBody(body, String(encoding), maxBytes).then(succeed, (error) =>
          call.fail(...undecodable(error)),
        )
    },
    onResponseError: (_controller, error) => call.failBy(error),
  }
}

function toDispatch(
  { origin, path, authorization }: Target,
  { method, headers, body }: HttpRequest,
): Dispatcher.DispatchOptions {
  return {
    origin,
    path,
    method,
    headers: {
      'accept-encoding': acceptedEncodings,
      ...(authorization === undefined ? {} : { authorization }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
    // The time limit of the whole call covers both.
    headersTimeout: 0,
    bodyTimeout: 0,
  }
}

/** Nearly every answer comes in one piece. */
function joined(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks
  return only && chunks.length === 1 ? only : Buffer.concat(chunks)
}

function flatten(headers: Headers): Readonly<Record<string, string>> {
  const flat: Record<string, string> = {}
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (value !== undefined) flat[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return flat
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

function undecodable(error: unknown): [HttpFailure['kind'], Error?] {
  return codeOf(error) === 'ERR_BUFFER_TOO_LARGE'
    ? ['too-large']
    : ['reset', new KnownCause('undecodable body')]
}

/** The second code: a proxy accepted the connection and did not answer `CONNECT`. */
function kindUnsent(error: Error): HttpFailure['kind'] {
  return ['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT'].includes(codeOf(error))
    ? 'timeout'
    : 'connect'
}

function isMalformed(error: Error): boolean {
  return ['UND_ERR_INVALID_ARG', 'ERR_INVALID_URL'].includes(codeOf(error))
}

/** Keeps the code alone: a message can hold an address, a header or bytes of the answer. */
function toCause(error: Error, progress: 'sent' | 'unsent'): Error {
  const code = codeOf(error)
  // undici reports the refusal of `CONNECT`, and a 407 to a forwarded request, under these two codes.
  if (code === (progress === 'sent' ? 'UND_ERR_INVALID_ARG' : 'UND_ERR_ABORTED'))
    return new KnownCause('refused by the proxy')
  return new KnownCause(code || error.name)
}
