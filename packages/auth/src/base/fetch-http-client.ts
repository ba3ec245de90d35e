import { HttpFailure, type HttpClient, type HttpRequest, type HttpResponse } from './http-client.js'

/** The part of `fetch` that the client uses. */
export type FetchLike = (url: string, init: RequestInit) => Promise<Response>

const defaultMaxBodyBytes = 1024 * 1024

/**
 * Creates an {@link HttpClient} on `fetch`, for runtimes other than Node. `fetch` does not report if a request was written, so every
 * failure counts as that of a request that was: it is never repeated.
 * @param fetch - @defaultValue the one of the runtime
 */
export function createFetchHttpClient(
  fetch: FetchLike = globalThis.fetch,
): HttpClient & { close(): Promise<void> } {
  const client: HttpClient = async (request) => {
    const abandoned = new AbortController()
    const timer = setTimeout(() => abandoned.abort(), request.timeoutSeconds * 1000)
    try {
      const answer = await fetch(request.url, toInit(request, abandoned.signal))
      return await readAnswer(answer, request.maxBodyBytes ?? defaultMaxBodyBytes)
    } catch (error) {
      if (error instanceof HttpFailure) throw error
      const cause = new Error(error instanceof Error ? error.name : 'unknown')
      throw new HttpFailure(abandoned.signal.aborted ? 'timeout' : 'reset', true, { cause })
    } finally {
      clearTimeout(timer)
    }
  }
  return Object.assign(client, { close: async () => {} })
}

function toInit({ method, headers = {}, body }: HttpRequest, signal: AbortSignal): RequestInit {
  return { method, headers, signal, redirect: 'manual', ...(body === undefined ? {} : { body }) }
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
