import { getToken, isYoung, type Caller } from './get-token.js'
import type { PerennialError } from './perennial-error.js'
import type { Tab } from './tab.js'

/** A `fetch` of a session knows the one below it, so that a second session does not go through the first. */
export type SessionFetch = typeof fetch & { inner?: typeof fetch }

/** Creates a `fetch` that sends the session's token to the given origins, and retries once after a 401. */
export function createSessionFetch(tab: Tab, origins: readonly string[]): SessionFetch {
  const { fetchNow, fetch: plainFetch } = tab.settings
  const sessionFetch: typeof fetch = async (input, init) => {
    // By shape, not by `instanceof`: a Request of a frame is an instance of that frame's class.
    const target: URL & { url?: string } = Object(input)
    const { origin } = new URL(target.url ?? target, document.baseURI)
    if (!origins.includes(origin)) return plainFetch(input, init)
    // The platform reads all of `input` and `init`, and resolves the URL once: the page's own may change while the call waits.
    const request = new Request(input, init)
    if (request.headers.has('Authorization')) return plainFetch(request)
    const caller: Caller = { userId: tab.state.userId, signal: request.signal, mayGoWithout: true }
    const token = await getToken(tab, caller)
    // A stream can be read only once.
    const isLast = !token || init?.body instanceof ReadableStream
    const response = await fetchNow(withToken(isLast ? request : request.clone(), token))
    if (isLast || !(await mayRetry(tab, token, response))) return response
    const next = await getToken(tab, caller, token).catch((error: PerennialError | null) => {
      // After a change of the member the first answer is the caller's.
      if (error?.code !== 'CLIENT_MEMBER_CHANGED') throw error
    })
    return next ? fetchNow(withToken(request, next)) : response
  }
  return Object.assign(sessionFetch, { inner: plainFetch })
}

/** Sets the header of the request itself: `new Request(request, { headers })` would reset its referrer. */
function withToken(request: Request, token: string | null): Request {
  if (token) request.headers.set('Authorization', `Bearer ${token}`)
  return request
}

/** Returns true if a new token may help: a token that is new already helps only if it was revoked. */
async function mayRetry(tab: Tab, token: string, response: Response): Promise<boolean> {
  if (response.status !== 401 || !isYoung(tab, token)) return response.status === 401
  const answer: { code?: unknown } | null = await response
    .clone()
    .json()
    .catch(() => null)
  return answer?.code === 'AUTH_TOKEN_REVOKED'
}
