import { codeIn, KnownCause } from './causes.js'
import { HttpFailure, type HttpClient, type HttpRequest, type HttpResponse } from './http-client.js'
import { readUrl, targetOf, type Target } from './http-target.js'

/** The part of `fetch` that the client uses. */
export type FetchLike = (url: string, init: RequestInit) => Promise<Response>

const defaultMaxBodyBytes = 1024 * 1024

/**
 * Creates an {@link HttpClient} on `fetch`, for runtimes other than Node. `fetch` does not report if a request was written, so every
 * failure counts as that of a request that was: it is never repeated. The cause of a failure is its code alone.
 * @param fetch - @defaultValue the one of the runtime
 */
export function createFetchHttpClient(
  fetch: FetchLike = globalThis.fetch,
): HttpClient & { close(): Promise<void> } {
  const client: HttpClient = async (request) => {
    const target = targetOf(readUrl(request.url))
    const abandoned = new AbortController()
    const timer = setTimeout(() => abandoned.abort(), request.timeoutSeconds * 1000)
    try {
      const answer = await fetch(target.origin + target.path, toInit(request, target, abandoned.signal))
      return await readAnswer(answer, request.maxBodyBytes ?? defaultMaxBodyBytes)
    } catch (error) {
      if (error instanceof HttpFailure) throw error
      throw new HttpFailure(abandoned.signal.aborted ? 'timeout' : 'reset', true, { cause: causeOf(error) })
    } finally {
      clearTimeout(timer)
    }
  }
  return Object.assign(client, { close: async () => {} })
}

/** `fetch` refuses a URL with a user and a password: they are a header. */
function toInit(
  { method, headers = {}, body }: HttpRequest,
  { authorization }: Target,
  signal: AbortSignal,
): RequestInit {
  return {
    method,
    headers: { ...(authorization === undefined ? {} : { authorization }), ...headers },
    signal,
    redirect: 'manual',
    ...(body === undefined ? {} : { body }),
  }
}

/** Keeps the code alone: a message can hold an address. Node's `fetch` has it in the cause of its error. */
function causeOf(error: unknown): Error {
  if (!(error instanceof Error)) return new KnownCause('unknown')
  const code = codeIn(error) ?? (error.cause instanceof Error ? codeIn(error.cause) : null)
  return new KnownCause(code ?? error.name)
}

async function readAnswer(answer: Response, maxBodyBytes: number): Promise<HttpResponse> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of answer.body ?? []) {
    length += chunk.length
    // Leaving the loop cancels the body.
    if (length > maxBodyBytes) throw new HttpFailure('too-large', true)
    chunks.push(chunk)
  }
  const body = new TextDecoder().decode(Buffer.concat(chunks))
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body }
}
