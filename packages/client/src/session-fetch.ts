import { getToken, isYoung } from './get-token.js'
import type { Tab } from './tab.js'

/** `window.fetch` with the session's token for the given origins, and one more try with a new one after a 401. */
export function createSessionFetch(tab: Tab, origins: readonly string[]): typeof fetch {
  return async (input, init) => {
    // Neither a string nor a URL has a field of a Request; and one of a frame is no instance of this page's class.
    const request: Partial<Request> & { toString(): string } = Object(input)
    // As fetch itself resolves it, and only once: the page may move on while a call waits.
    const url = new URL(request.url ?? request.toString(), document.baseURI)
    if (!origins.includes(url.origin)) return tab.fetchNow(input, init)
    const { headers = request.headers, signal = request.signal, body } = { ...init }
    const send = (token: string | null): Promise<Response> => {
      const all = new Headers(headers)
      if (token) all.set('Authorization', `Bearer ${token}`)
      return tab.fetchNow(request.clone?.() ?? url.href, { ...init, headers: all })
    }
    const token = await getToken(tab, undefined, signal)
    const response = await send(token)
    const retried = token && !(body instanceof ReadableStream) && (await mayRetry(tab, token, response))
    const next = retried && (await getToken(tab, token, signal))
    return next ? send(next) : response
  }
}

/** A token that is new already is refused for a reason that a newer one will not mend, unless it was revoked. */
async function mayRetry(tab: Tab, token: string, response: Response): Promise<boolean> {
  if (response.status !== 401) return false
  if (!isYoung(tab, token)) return true
  const answer: { code?: unknown } | null = await response
    .clone()
    .json()
    .catch(() => null)
  return answer?.code === 'AUTH_TOKEN_REVOKED'
}
