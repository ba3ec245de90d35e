import { getToken, isYoung } from './get-token.js'
import type { Tab } from './tab.js'

/** Creates a `fetch` that sends the session's token to the given origins, and retries once after a 401. */
export function createSessionFetch(tab: Tab, origins: readonly string[]): typeof fetch {
  const { fetchNow } = tab.settings
  return async (input, init) => {
    // By shape, not by `instanceof`: a Request of a frame is an instance of that frame's class.
    const request: Partial<Request> & { toString(): string } = Object(input)
    // Resolved once, as fetch resolves it: the page's address may change while the call waits.
    const url = new URL(request.url ?? request.toString(), document.baseURI)
    if (!origins.includes(url.origin)) return fetchNow(input, init)
    const { headers = request.headers, signal = request.signal, body } = { ...init }
    const send = (token: string | null): Promise<Response> => {
      const all = new Headers(headers)
      if (token) all.set('Authorization', `Bearer ${token}`)
      return fetchNow(request.clone?.() ?? url.href, { ...init, headers: all })
    }
    const token = await getToken(tab, undefined, signal)
    const response = await send(token)
    const retried = token && !(body instanceof ReadableStream) && (await mayRetry(tab, token, response))
    const next = retried && (await getToken(tab, token, signal))
    return next ? send(next) : response
  }
}

/** Returns true if a new token may help: a token that is new already helps only if it was revoked. */
async function mayRetry(tab: Tab, token: string, response: Response): Promise<boolean> {
  if (response.status !== 401) return false
  if (!isYoung(tab, token)) return true
  const answer: { code?: unknown } | null = await response
    .clone()
    .json()
    .catch(() => null)
  return answer?.code === 'AUTH_TOKEN_REVOKED'
}
