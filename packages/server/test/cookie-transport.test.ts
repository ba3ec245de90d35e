import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { call, me, verdict, type Answer } from './kit/auth-calls.js'
import { startSessionWorld, type SessionWorld } from './kit/session-world.js'

const page = 'https://www.example.com'

let world: SessionWorld
beforeEach(async () => {
  world = await startSessionWorld({
    REFRESH_TOKEN_TRANSPORT: 'cookie',
    CORS_ORIGIN: `${page},https://app.example.com`,
  })
})
afterEach(async () => {
  vi.useRealTimers()
  await world.close()
})

/** Lets half the life of an access token pass, after which the next refresh rotates. Timers go on. */
function passHalfAnHour(): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 1_801_000 })
}

/** The headers that a page must send with every write. */
const rules = { origin: page, 'x-csrf': '1' }

function send(path: string, method: 'GET' | 'POST' | 'DELETE', headers: Record<string, string>) {
  return call(world.service.url, path, { method, headers })
}

async function signIn(memberId = 'mem_ada'): Promise<Answer> {
  const { accessToken } = await world.emulator.issueTokens({ memberId })
  return send('/v1/auth/session', 'POST', { ...rules, authorization: `Bearer ${accessToken}` })
}

/** Returns the cookie of an answer as a browser sends it back. */
function cookieOf({ headers }: Answer): string {
  const [cookie = '', ...more] = headers.getSetCookie()
  expect(more).toEqual([])
  return cookie.split(';', 1)[0] ?? ''
}

const accessTokenOf = ({ body }: Answer): string => String(body['accessToken'])
const refresh = (cookie: string, headers: Record<string, string> = rules) =>
  send('/v1/auth/refresh-token', 'POST', { ...headers, cookie })

describe('the cookie', () => {
  it('cannot be read by scripts, sent from other sites or sent over plain http', async () => {
    const answer = await signIn()
    expect(answer.status).toBe(201)
    const [name, ...attributes] = answer.headers.getSetCookie()[0]?.split('; ') ?? []
    expect(name).toMatch(/^__Host-perennial=[\w-]{70,}$/)
    expect(attributes.toSorted()).toEqual(
      ['HttpOnly', 'Max-Age=604800', 'Path=/', 'SameSite=Strict', 'Secure'].toSorted(),
    )
  })

  it('is the only place of the refresh token', async () => {
    const signedIn = await signIn()
    passHalfAnHour()
    const refreshed = await refresh(cookieOf(signedIn))
    expect(refreshed.status).toBe(200)
    for (const answer of [signedIn, refreshed]) {
      expect(Object.keys(answer.body)).toEqual(['accessToken'])
      expect(answer.text).not.toContain(cookieOf(answer).split('=')[1])
    }
    expect(cookieOf(refreshed)).not.toBe(cookieOf(signedIn))
    // The body of the request is not read for one either.
    const refreshToken = cookieOf(refreshed).split('=')[1]
    const byBody = await call(world.service.url, '/v1/auth/refresh-token', {
      method: 'POST',
      json: { refreshToken },
      headers: rules,
    })
    expect(verdict(byBody)).toEqual([204, undefined])
  })

  it('is sent again if the answer was lost', async () => {
    const first = cookieOf(await signIn())
    passHalfAnHour()
    const lost = await refresh(first)
    const again = await refresh(first)
    expect(cookieOf(again)).toBe(cookieOf(lost))
    expect((await me(world.service.url, accessTokenOf(again))).status).toBe(200)
  })

  it('is not used if it is sent twice or is empty', async () => {
    const cookie = cookieOf(await signIn())
    for (const bad of [`${cookie}; ${cookie}`, '__Host-perennial='])
      expect(verdict(await refresh(bad))).toEqual([400, 'AUTH_TOKEN_MISSING'])
    expect((await refresh(`other=1; ${cookie}; last=2`)).status).toBe(200)
  })

  it('cannot be planted by a sibling subdomain under a name that looks like it', async () => {
    const planted = cookieOf(await signIn())
    for (const bytes of ['\u00a0', '\u0085', '\u00c2\u00a0', '\u00e2\u0080\u00af', '='])
      expect((await refresh(`${bytes}${planted}`)).status, JSON.stringify(bytes)).toBe(204)
  })

  it('alone signs out, and is cleared', async () => {
    const signedIn = await signIn()
    const answer = await send('/v1/auth/session', 'DELETE', { ...rules, cookie: cookieOf(signedIn) })
    expect([answer.status, answer.text]).toEqual([204, ''])
    expect(answer.headers.getSetCookie()).toEqual([
      '__Host-perennial=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict',
    ])
    expect(verdict(await me(world.service.url, accessTokenOf(signedIn)))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
    expect(verdict(await refresh(cookieOf(signedIn)))).toEqual([401, 'AUTH_TOKEN_REFRESH_FAILED'])
  })

  it('is cleared at every sign-out, whatever it holds, and with an access token alone', async () => {
    for (const cookie of ['__Host-perennial=garbage', cookieOf(await signIn())]) {
      for (let time = 0; time < 2; time += 1) {
        const answer = await send('/v1/auth/session', 'DELETE', { ...rules, cookie })
        expect([answer.status, answer.headers.getSetCookie().length]).toEqual([204, 1])
      }
    }
    const signedIn = await signIn()
    const authorization = `Bearer ${accessTokenOf(signedIn)}`
    expect((await send('/v1/auth/session', 'DELETE', { ...rules, authorization })).status).toBe(204)
    expect(verdict(await refresh(cookieOf(signedIn)))).toEqual([401, 'AUTH_TOKEN_REFRESH_FAILED'])
    expect(verdict(await send('/v1/auth/session', 'DELETE', rules))).toEqual([401, 'AUTH_TOKEN_MISSING'])
  })

  it('is cleared when this session or all are ended by list, and stays when another one is', async () => {
    const signedIn = [await signIn(), await signIn()] as const
    const authorization = `Bearer ${accessTokenOf(signedIn[0])}`
    const { body } = await send('/v1/auth/sessions', 'GET', { authorization })
    const listed = body['sessions']
    if (!Array.isArray(listed)) throw new Error('no list')
    const otherId = listed.find(({ current }) => !current).id
    const other = await send(`/v1/auth/sessions/${otherId}`, 'DELETE', { ...rules, authorization })
    expect([other.status, other.headers.getSetCookie()]).toEqual([204, []])
    const all = await send('/v1/auth/sessions', 'DELETE', { ...rules, authorization })
    expect(all.headers.getSetCookie()[0]).toMatch(/^__Host-perennial=; Max-Age=0;/)
  })

  it('stays when a refresh is refused: the refusal may arrive after a new sign-in of another tab', async () => {
    const answer = await refresh('__Host-perennial=garbage')
    expect(verdict(answer)).toEqual([401, 'AUTH_TOKEN_REFRESH_FAILED'])
    expect(answer.headers.getSetCookie()).toEqual([])
  })
})

describe('a cookie that another member’s page has replaced', () => {
  const bearer = (answer: Answer) => ({ ...rules, authorization: `Bearer ${accessTokenOf(answer)}` })
  const sidOf = (answer: Answer): string =>
    JSON.parse(Buffer.from(accessTokenOf(answer).split('.')[1] ?? '', 'base64url').toString()).sid
  const signOut = (json: unknown, headers: Record<string, string>) =>
    call(world.service.url, '/v1/auth/session', { method: 'DELETE', json, headers: { ...rules, ...headers } })
  const isAlive = async (answer: Answer): Promise<boolean> =>
    (await refresh(cookieOf(answer))).status === 200 &&
    (await me(world.service.url, accessTokenOf(answer))).status === 200

  it('is left alone by a sign-out that means another session, of another member or the same one', async () => {
    for (const memberId of ['mem_bob', 'mem_ada']) {
      const [earlier, later] = [await signIn('mem_ada'), await signIn(memberId)]
      const answer = await signOut({ sid: sidOf(earlier) }, { cookie: cookieOf(later) })
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([204, []])
      expect([await isAlive(earlier), await isAlive(later)]).toEqual([true, true])
    }
  })

  it('is left alone by such a sign-out with an access token, which ends the session of that token', async () => {
    const [ada, bob] = [await signIn('mem_ada'), await signIn('mem_bob')]
    const answer = await signOut(
      { sid: sidOf(ada) },
      { cookie: cookieOf(bob), authorization: `Bearer ${accessTokenOf(ada)}` },
    )
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([204, []])
    expect([await isAlive(ada), await isAlive(bob)]).toEqual([false, true])
  })

  it('is ended and cleared if it is of the session meant, of any generation, and if no session is named', async () => {
    const first = await signIn()
    passHalfAnHour()
    const rotated = await refresh(cookieOf(first))
    const byId = await signOut({ sid: sidOf(first) }, { cookie: cookieOf(rotated) })
    expect(byId.headers.getSetCookie()).toHaveLength(1)
    expect((await refresh(cookieOf(rotated))).status).toBe(401)
    for (const body of [{}, [], null, 'text', { refreshToken: 'r' }]) {
      const signedIn = await signIn()
      const answer = await signOut(body, { cookie: cookieOf(signedIn) })
      expect([answer.status, answer.headers.getSetCookie().length]).toEqual([204, 1])
      expect(await isAlive(signedIn)).toBe(false)
    }
  })

  it('is left alone by a name that is no session id, and a garbage cookie is cleared whatever is named', async () => {
    const bob = await signIn('mem_bob')
    for (const sid of ['', 'garbage', 7, null, [], {}]) {
      const answer = await signOut({ sid }, { cookie: cookieOf(bob) })
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([204, []])
    }
    expect(await isAlive(bob)).toBe(true)
    const garbage = await signOut({ sid: sidOf(bob) }, { cookie: '__Host-perennial=garbage' })
    expect([garbage.status, garbage.headers.getSetCookie().length]).toEqual([204, 1])
    expect(await isAlive(bob)).toBe(true)
  })

  it('stays if all sessions of the other member end, or one by its id, and is cleared if its own one ends', async () => {
    const [ada, again, bob] = [await signIn('mem_ada'), await signIn('mem_ada'), await signIn('mem_bob')]
    const cookie = cookieOf(bob)
    const own = await send(`/v1/auth/sessions/${sidOf(ada)}`, 'DELETE', { ...bearer(ada), cookie })
    expect([own.status, own.headers.getSetCookie()]).toEqual([204, []])
    const everywhere = await send('/v1/auth/sessions', 'DELETE', { ...bearer(again), cookie })
    expect([everywhere.status, everywhere.headers.getSetCookie()]).toEqual([204, []])
    expect([await isAlive(ada), await isAlive(again), await isAlive(bob)]).toEqual([false, false, true])
    // A page with an older access token ends the session of the cookie, by its id.
    const newer = await signIn('mem_bob')
    const byId = await send(`/v1/auth/sessions/${sidOf(newer)}`, 'DELETE', {
      ...bearer(bob),
      cookie: cookieOf(newer),
    })
    expect([byId.status, byId.headers.getSetCookie().length]).toEqual([204, 1])
  })
})

describe('a write that another site may have caused', () => {
  const denied = (own: string): [string, Record<string, string>][] => [
    ['no Origin', { 'x-csrf': '1' }],
    ['no X-CSRF', { origin: page }],
    ['another X-CSRF', { origin: page, 'x-csrf': 'true' }],
    ['another site', { origin: 'https://evil.example', 'x-csrf': '1' }],
    ['a sandboxed frame', { origin: 'null', 'x-csrf': '1' }],
    ['a longer name', { origin: `${page}.evil.example`, 'x-csrf': '1' }],
    ['plain http', { origin: page.replace('https', 'http'), 'x-csrf': '1' }],
    ['another port', { origin: `${page}:8443`, 'x-csrf': '1' }],
    ['a path', { origin: `${page}/`, 'x-csrf': '1' }],
    ['our name with another port', { origin: own.replace(/\d+$/, '1'), 'x-csrf': '1' }],
    ['neither', {}],
  ]
  const routes: ['POST' | 'DELETE', string][] = [
    ['POST', '/v1/auth/refresh-token'],
    ['POST', '/v1/auth/session'],
    ['DELETE', '/v1/auth/session'],
    ['DELETE', '/v1/auth/sessions'],
    ['DELETE', '/v1/auth/sessions/AAAAAAAAAAAAAAAAAAAAAA'],
  ]

  it('is AUTH_ORIGIN_DENIED on every route, and changes nothing', async () => {
    const signedIn = await signIn()
    const cookie = cookieOf(signedIn)
    const authorization = `Bearer ${accessTokenOf(signedIn)}`
    for (const [what, headers] of denied(world.service.url))
      for (const [method, path] of routes) {
        const answer = await send(path, method, { ...headers, cookie, authorization })
        expect([what, path, ...verdict(answer)]).toEqual([what, path, 403, 'AUTH_ORIGIN_DENIED'])
        expect(answer.headers.getSetCookie()).toEqual([])
      }
    expect((await me(world.service.url, accessTokenOf(signedIn))).status).toBe(200)
    expect((await refresh(cookie)).status).toBe(200)
  })

  it('is accepted from a page that CORS_ORIGIN names and from the service’s own', async () => {
    let cookie = cookieOf(await signIn())
    for (const origin of [page, 'https://app.example.com', world.service.url]) {
      passHalfAnHour()
      const answer = await refresh(cookie, { origin, 'x-csrf': '1' })
      expect([origin, answer.status]).toEqual([origin, 200])
      cookie = cookieOf(answer)
    }
  })
})

describe('a page on another origin of the site', () => {
  it('may send credentials and read the answers if CORS_ORIGIN names it', async () => {
    const preflight = async (origin: string) => {
      const asked = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-csrf' }
      const url = `${world.service.url}/v1/auth/refresh-token`
      return (await fetch(url, { method: 'OPTIONS', headers: { ...asked, origin } })).headers
    }
    const good = await preflight(page)
    expect(good.get('access-control-allow-origin')).toBe(page)
    expect(good.get('access-control-allow-credentials')).toBe('true')
    expect(good.get('access-control-allow-headers')?.toLowerCase()).toContain('x-csrf')
    expect(good.get('access-control-allow-methods')).toContain('DELETE')
    expect((await preflight('https://evil.example')).get('access-control-allow-origin')).toBeNull()

    const { headers } = await signIn()
    expect(headers.get('access-control-allow-origin')).toBe(page)
    expect(headers.get('access-control-allow-credentials')).toBe('true')
    expect(headers.get('vary')?.toLowerCase()).toContain('origin')
    const exposed = headers.get('access-control-expose-headers')?.toLowerCase() ?? ''
    for (const name of ['date', 'retry-after', 'www-authenticate', 'ratelimit'])
      expect(exposed).toContain(name)
  })
})
