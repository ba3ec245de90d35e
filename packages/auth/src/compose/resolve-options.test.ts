import { describe, expect, it } from 'vitest'
import type { MemberstackOptions, PerennialOptions } from './perennial-options.js'
import { resolveOptions } from './resolve-options.js'

const sessionMode: MemberstackOptions = { appId: 'app_1', secretKey: 'sk_1' }
const forwardMode: MemberstackOptions = {
  appId: 'app_1',
  refreshUrl: 'https://api.example.com/auth/refresh-token',
  jwks: '{"keys":[]}',
}
const resolve = (options: Partial<PerennialOptions> = {}) =>
  resolveOptions({ store: 'memory:', memberstack: sessionMode, ...options })
const secret = Buffer.alloc(32).toString('base64')

describe('resolveOptions', () => {
  it('puts every default in its place', () => {
    expect(resolve()).toMatchObject({
      store: { kind: 'memory' },
      environment: 'development',
      memberstack: { adminUrl: 'https://admin.memberstack.com', issuer: 'https://api.memberstack.com' },
      issuer: 'perennial',
      requiredPlans: [],
      verifiedTokensKept: 50_000,
      rateLimits: { ipPerMinute: 100, ipTotalPerMinute: 3000, sessionPerMinute: 10 },
      refreshTokenTransport: 'body',
      allowedOrigins: [],
      accessTokenTtlSeconds: 3600,
      refreshGraceSeconds: 120,
      sessionIdleSeconds: 604_800,
      sessionMaxSeconds: 1_209_600,
      memberCacheSeconds: 300,
      memberStaleSeconds: 3600,
      signInMaxAgeSeconds: undefined,
    })
  })

  it("keeps what it is given, and changes nothing of the caller's", () => {
    const memberstack = Object.freeze({ ...sessionMode, adminUrl: 'https://admin.example.com' })
    const given = Object.freeze({ store: 'memory:', memberstack, refreshGraceSeconds: 0, issuer: 'own' })
    const resolved = resolveOptions(given)
    expect(resolved).toMatchObject({ refreshGraceSeconds: 0, issuer: 'own' })
    expect(resolved.memberstack.adminUrl).toBe('https://admin.example.com')
  })

  it.each(['ipPerMinute', 'ipTotalPerMinute', 'sessionPerMinute'] as const)(
    'holds rateLimits.%s to whole numbers of at least 1',
    (name) => {
      expect(resolve({ rateLimits: { [name]: 1 } }).rateLimits).toMatchObject({ [name]: 1 })
      for (const value of [0, -1, 1.5, NaN, Infinity])
        expect(() => resolve({ rateLimits: { [name]: value } }), String(value)).toThrow(
          new RegExp(`^rateLimits.${name} must be a whole number of at least 1`),
        )
    },
  )

  it.each([
    ['accessTokenTtlSeconds', 60, 3600],
    ['refreshGraceSeconds', 0, Number.MAX_SAFE_INTEGER],
    ['sessionIdleSeconds', 1, Number.MAX_SAFE_INTEGER],
    ['sessionMaxSeconds', 1, Number.MAX_SAFE_INTEGER],
    ['memberCacheSeconds', 0, Number.MAX_SAFE_INTEGER],
    ['memberStaleSeconds', 0, Number.MAX_SAFE_INTEGER],
    ['signInMaxAgeSeconds', 1, Number.MAX_SAFE_INTEGER],
  ])('holds %s to whole seconds within its bounds', (name, least, most) => {
    for (const value of [least, most]) expect(resolve({ [name]: value })).toMatchObject({ [name]: value })
    for (const value of [least - 1, most + 1, least + 0.5, NaN, Infinity])
      expect(() => resolve({ [name]: value }), String(value)).toThrow(
        `${name} must be a whole number of seconds from ${least} to ${most}`,
      )
  })

  it('holds verifiedTokensKept to whole numbers that a Map can hold', () => {
    for (const kept of [1, 8_000_000])
      expect(resolve({ verifiedTokensKept: kept }).verifiedTokensKept).toBe(kept)
    for (const kept of [0, 1.5, NaN, Infinity, 8_000_001])
      expect(() => resolve({ verifiedTokensKept: kept }), String(kept)).toThrow(
        'verifiedTokensKept must be a whole number from 1 to 8000000',
      )
  })

  it('refuses a mode that lacks what it stands on', () => {
    const refusalOf = (memberstack: MemberstackOptions) => () => resolve({ memberstack })
    expect(refusalOf({ ...sessionMode, appId: '' })).toThrow('memberstack.appId')
    // An environment variable that is not set, in JavaScript.
    expect(refusalOf(Object({ secretKey: 'sk_1' }))).toThrow('memberstack.appId')
    expect(refusalOf({ appId: 'app_1' })).toThrow('session mode needs memberstack.secretKey')
    expect(refusalOf({ appId: 'app_1', secretKey: '' })).toThrow('session mode needs memberstack.secretKey')
    const { appId, refreshUrl } = forwardMode
    expect(refusalOf({ appId, refreshUrl })).toThrow('forward mode needs memberstack.jwks')
    expect(resolve({ memberstack: forwardMode }).memberstack.secretKey).toBeUndefined()
  })

  it('takes the cookie in session mode only, and with origins that are named', () => {
    const cookie = { refreshTokenTransport: 'cookie' } as const
    expect(resolve({ ...cookie, allowedOrigins: ['https://a.example'] })).toMatchObject(cookie)
    expect(() => resolve({ ...cookie, memberstack: forwardMode })).toThrow('session mode only')
    expect(() => resolve({ ...cookie, allowedOrigins: ['https://a.example', '*'] })).toThrow('allowedOrigins')
    expect(resolve({ allowedOrigins: ['*'] }).allowedOrigins).toEqual(['*'])
  })
})

describe('in production', () => {
  const production = { environment: 'production', secret } as const

  it('asks for a secret', () => {
    expect(() => resolve({ environment: 'production' })).toThrow('secret is required in production')
    expect(resolve(production).secret).toBe(secret)
  })

  it.each(['adminUrl', 'refreshUrl', 'jwksUri'])('refuses plain http for %s, but to loopback', (name) => {
    const { jwks: _jwks, ...unpinned } = forwardMode
    const memberstack = { ...unpinned, jwksUri: 'https://keys.example.com/jwks.json' }
    for (const url of ['https://x.example/', 'http://localhost:1/', 'http://127.1.2.3:1/', 'http://[::1]:1/'])
      expect(
        () => resolve({ ...production, memberstack: { ...memberstack, [name]: url } }),
        url,
      ).not.toThrow()
    for (const url of [
      'http://x.example/',
      'http://localhost.x.example/',
      'http://127.0.0.1.x.example/',
      'http://127.x.example/',
      'ftp://x.example/',
      'x.example',
      '',
    ])
      expect(() => resolve({ ...production, memberstack: { ...memberstack, [name]: url } }), url).toThrow(
        'must be https',
      )
  })

  it('does not look at the address of a key set whose keys are pinned', () => {
    const memberstack = { ...forwardMode, jwksUri: 'http://keys.example.com/jwks.json' }
    expect(() => resolve({ ...production, memberstack })).not.toThrow()
  })
})
