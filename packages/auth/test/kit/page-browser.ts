/** The origin of the pages in tests. */
export const pageOrigin = 'https://app.example'

/** A browser, as far as pages are concerned: it keeps the cookies of the app. */
export class PageBrowser {
  readonly cookies = new Map<string, string>()

  /** Returns a request with the cookies. */
  request(path: string, init: RequestInit = {}): Request {
    const headers = new Headers(init.headers)
    headers.set('cookie', [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '))
    return new Request(`${pageOrigin}${path}`, { ...init, headers })
  }

  /** Keeps the cookies of an answer, and returns the answer. */
  take(response: Response): Response {
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (/Max-Age=0;/.test(cookie)) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return response
  }

  /** Returns the request that signs in with a member JWT. */
  signInRequest(memberToken: string): Request {
    const headers = { authorization: `Bearer ${memberToken}`, origin: pageOrigin, 'x-csrf': '1' }
    return this.request('/v1/auth/session', { method: 'POST', headers })
  }
}
