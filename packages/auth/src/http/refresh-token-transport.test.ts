import { describe, expect, it } from 'vitest'
import type { AuthRequest } from './auth-request.js'
import { createBodyTransport, createCookieTransport } from './refresh-token-transport.js'

function requestWith(
  headers: Readonly<Record<string, string>>,
  { method = 'POST', body = '' }: { readonly method?: string; readonly body?: string } = {},
): AuthRequest {
  return {
    method,
    path: '/refresh-token',
    ip: '192.0.2.1',
    requestId: 'r',
    header: (name) => headers[name],
    readBody: async () => ({ kind: 'bytes', bytes: Buffer.from(body) }),
  }
}

describe('the body transport', () => {
  const transport = createBodyTransport()

  it('reads the refreshToken of a JSON object, whatever it is, and never a cookie', async () => {
    expect(await transport.read(requestWith({}, { body: '{"refreshToken":7}' }))).toBe(7)
    expect(
      await transport.read(requestWith({}, { body: '{"__proto__":{"refreshToken":7}}' })),
    ).toBeUndefined()
    expect(await transport.read(requestWith({ cookie: '__Host-perennial=a' }))).toBeUndefined()
  })

  it('hands a token on in the body, and none where there is none', () => {
    expect(transport.hand({ accessToken: 't', refreshToken: 'a' })).toEqual({
      fields: { refreshToken: 'a' },
      cookies: [],
    })
    expect(transport.hand({ accessToken: 't' })).toEqual({ fields: {}, cookies: [] })
    expect(transport.forget(requestWith({ cookie: '__Host-perennial-bound-abcdefgh=a' }))).toEqual([])
  })
})

describe('the cookie transport', () => {
  const options = { maxAgeSeconds: 600, allowedOrigins: ['https://app.example'], clock: () => 1000.4 }
  const transport = createCookieTransport(options)

  it('sets and forgets a cookie that scripts, other sites and plain http never see', () => {
    expect(transport.hand({ accessToken: 't', refreshToken: 'a' })).toEqual({
      fields: {},
      cookies: ['__Host-perennial=a; Max-Age=600; Path=/; HttpOnly; Secure; SameSite=Strict'],
    })
    expect(transport.hand({ accessToken: 't' })).toEqual({ fields: {}, cookies: [] })
    expect(transport.forget(requestWith({}))).toEqual([
      '__Host-perennial=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict',
    ])
  })

  it('sets a second cookie for pages, which lasts as long as the access token, and lets links bring both', () => {
    const pages = createCookieTransport({ ...options, pages: true })
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const accessToken = `${part({ alg: 'ES256' })}.${part({ iat: 1000, exp: 1060 })}.`
    const access = (value: string, seconds: number) =>
      `__Host-perennial-access=${value}; Max-Age=${seconds}; Path=/; HttpOnly; Secure; SameSite=Lax`
    expect(pages.hand({ accessToken, refreshToken: 'a' }).cookies).toEqual([
      '__Host-perennial=a; Max-Age=600; Path=/; HttpOnly; Secure; SameSite=Lax',
      access(accessToken, 59),
    ])
    expect(pages.hand({ accessToken }).cookies).toEqual([access(accessToken, 59)])
    expect(pages.forget(requestWith({}))).toEqual([
      '__Host-perennial=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
      access('', 0),
    ])
  })

  it('sets no access cookie that outlives a token whose end is not known', () => {
    const pages = createCookieTransport({ ...options, pages: true })
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const tokens = [
      'opaque',
      ...[undefined, '1060', 999].map((exp) => `${part({ alg: 'ES256' })}.${part({ exp })}.`),
    ]
    for (const accessToken of tokens)
      expect(pages.hand({ accessToken }).cookies).toEqual([
        `__Host-perennial-access=${accessToken}; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax`,
      ])
  })

  it('reads the session that the page means, which the cookie may not be of', async () => {
    const meant = (body: string) => transport.readMeantSession(requestWith({}, { body }))
    expect(await meant('{"sid":"s1"}')).toBe('s1')
    expect(await meant('')).toBeUndefined()
    expect(
      await createBodyTransport().readMeantSession(requestWith({}, { body: '{"sid":"s1"}' })),
    ).toBeUndefined()
  })

  it('differs from the body in what it takes, and in its answer where there is no token', () => {
    const rulesOf = ({ takesProofs, sameSite, absence }: typeof transport) => [takesProofs, sameSite, absence]
    expect(rulesOf(transport)).toEqual([false, 'Strict', 'no_content'])
    expect(rulesOf(createCookieTransport({ ...options, pages: true }))).toEqual([false, 'Lax', 'no_content'])
    expect(rulesOf(createBodyTransport())).toEqual([true, 'Strict', 'refused'])
  })

  it('forgets the cookies that show keys, which the request has, each once', () => {
    const cookie =
      'x=__Host-perennial-bound-AAAAAAAA=1; __Host-perennial-bound-abcd_fgh=a; __Host-perennial-bound-ABCD-FGH=b; ' +
      '__Host-perennial-bound-abcd_fgh=c; __Host-perennial-bound=d; __Host-perennial-bound-short=e; __Host-perennial-bound-a,b;Path=/'
    expect(transport.forget(requestWith({ cookie })).slice(1)).toEqual([
      '__Host-perennial-bound-abcd_fgh=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict',
      '__Host-perennial-bound-ABCD-FGH=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict',
    ])
  })

  it('reads its cookie among others, by its exact name, and no body', async () => {
    const read = (cookie: string) => transport.read(requestWith({ cookie }, { body: '{"refreshToken":"b"}' }))
    expect(await read('__Host-perennial=a')).toBe('a')
    expect(await read('x=1; __Host-perennial=a=b;y=2')).toBe('a=b')
    for (const cookie of [
      '',
      'perennial=a',
      '__host-perennial=a',
      'x__Host-perennial=a',
      '__Host-perennial2=a',
      '=__Host-perennial=a',
      '__Host-perennial =a',
      'x=1, __Host-perennial=a',
    ])
      expect(await read(cookie), cookie).toBeUndefined()
  })

  it('takes only space and tab for white space before its name', async () => {
    const read = (cookie: string) => transport.read(requestWith({ cookie }))
    expect(await read('x=1;\t __Host-perennial=a \t')).toBe('a')
    const codes = Array.from({ length: 0x10000 }, (_, code) => code).filter(
      (code) => code !== 9 && code !== 32,
    )
    for (const code of codes.filter((one) => String.fromCharCode(one) !== ';')) {
      const lookalike = `${String.fromCharCode(code)}__Host-perennial=planted`
      expect(await read(lookalike), `U+${code.toString(16)}`).toBeUndefined()
      expect(await read(`${lookalike}; __Host-perennial=a`), `U+${code.toString(16)}`).toBe('a')
    }
  })

  it('reads a long run of spaces in linear time', async () => {
    const cookie = `${'x'.repeat(10)}${' '.repeat(1_000_000)}y; __Host-perennial=a`
    expect(await transport.read(requestWith({ cookie }))).toBe('a')
  })

  it('uses neither of two, since an honest browser sends one', async () => {
    const request = requestWith({ cookie: '__Host-perennial=a; __Host-perennial=b' })
    expect(await transport.read(request)).toBe('')
  })

  const isLetIn = (headers: Readonly<Record<string, string>>, method = 'POST'): boolean => {
    try {
      transport.guard(requestWith(headers, { method }))
      return true
    } catch (error) {
      expect(error).toMatchObject({ code: 'AUTH_ORIGIN_DENIED', status: 403 })
      return false
    }
  }

  it('lets writes in from allowed origins and from its own', () => {
    for (const [origin, host] of [
      ['https://app.example', 'auth.example'],
      ['https://auth.example', 'auth.example'],
      ['https://auth.example', 'Auth.Example:443'],
      ['https://auth.example:8443', 'auth.example:8443'],
      ['http://localhost:8787', 'localhost:8787'],
      ['http://127.0.0.1:80', 'x'],
      ['http://[::1]:8787', '[::1]:8787'],
    ] as const) {
      const expected = host !== 'x'
      for (const method of ['POST', 'DELETE'])
        expect(isLetIn({ origin, host, 'x-csrf': '1' }, method), origin).toBe(expected)
    }
  })

  it("takes the browser's word for its own origin, if a proxy has changed the host", () => {
    const proxied = { origin: 'https://auth.example', host: 'internal:8080', 'x-csrf': '1' }
    expect(isLetIn(proxied)).toBe(false)
    expect(isLetIn({ ...proxied, 'sec-fetch-site': 'same-origin' })).toBe(true)
    for (const site of ['same-site', 'cross-site', 'none', '', 'Same-Origin', 'same-origin, cross-site'])
      expect(isLetIn({ ...proxied, 'sec-fetch-site': site }), site).toBe(false)
    const { origin: _origin, ...noOrigin } = proxied
    expect(isLetIn({ ...noOrigin, 'sec-fetch-site': 'same-origin' })).toBe(false)
    expect(isLetIn({ ...proxied, 'sec-fetch-site': 'same-origin', 'x-csrf': '' })).toBe(false)
  })

  it('keeps out every other origin, and who sends no X-CSRF: 1', () => {
    const own = { origin: 'https://auth.example', host: 'auth.example', 'x-csrf': '1' }
    for (const origin of [
      'null',
      '',
      'https://evil.example',
      'http://auth.example',
      'https://auth.example.evil.example',
      'https://auth.example/',
      'https://user@auth.example',
      'https://AUTH.example',
      'https://auth.example:444',
      'https://app.example.evil.example',
      'http://app.example',
    ])
      expect(isLetIn({ ...own, origin }), origin).toBe(false)
    const { origin: _origin, ...noOrigin } = own
    expect(isLetIn(noOrigin)).toBe(false)
    const { host: _host, ...noHost } = own
    expect(isLetIn(noHost)).toBe(false)
    for (const csrf of ['', '0', '11', 'true', '1, 1'])
      expect(isLetIn({ ...own, 'x-csrf': csrf }), csrf).toBe(false)
  })

  it('asks nothing of those who only read', () => {
    expect(isLetIn({}, 'GET')).toBe(true)
  })
})
