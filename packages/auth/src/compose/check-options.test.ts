import { afterEach, describe, expect, it, vi } from 'vitest'
import { silentTelemetry } from '../telemetry/index.js'
import { checkOptions } from './check-options.js'
import { createPerennial } from './create-perennial.js'
import { resolveOptions } from './resolve-options.js'

const secret = Buffer.alloc(32, 7).toString('base64')
const memberstack = { appId: 'app_1', secretKey: 'sk_1' }
const good = { store: 'memory:', memberstack }

/** Passes options as a program without types does. Returns the lines of the refusal. */
function linesOf(options: unknown): readonly string[] {
  try {
    Reflect.apply(checkOptions, undefined, [options, 'development'])
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return error instanceof Error ? error.message.split('\n') : []
  }
}

describe('checkOptions', () => {
  it.each<[string, unknown]>([
    ['the least', good],
    ['what is undefined', { ...good, secret: undefined, telemetry: undefined, environment: undefined }],
    ['a secret, and the one before it', { ...good, secret: `${secret},${secret}` }],
    ['secrets in a list, base64url', { ...good, secret: [secret.replaceAll('/', '_'), secret] }],
    ['telemetry', { ...good, telemetry: silentTelemetry }],
    [
      'origins',
      { ...good, allowedOrigins: ['https://a.example', 'http://localhost:3000', 'http://[::1]:1'] },
    ],
    ['every origin', { ...good, allowedOrigins: ['*'] }],
    [
      'forward mode without a key',
      { store: 'memory:', memberstack: { appId: 'app_1', refreshUrl: 'https://x', jwksUri: 'https://x' } },
    ],
  ])('takes %s', (_what, options) => {
    expect(linesOf(options)).toEqual([])
  })

  const telemetryLine =
    'telemetry must have the methods emit and observeUpstream. A good example: telemetry: createPinoSink(pino())'
  const withKey = (change: object) => ({ ...good, memberstack: { ...memberstack, ...change } })
  it.each<[unknown, string]>([
    [undefined, 'createPerennial needs an object of options'],
    ['memory:', 'createPerennial needs an object of options'],
    [{ store: 'memory:' }, 'memberstack must be an object with appId and secretKey'],
    [{ memberstack }, 'store is missing: a text such as sqlite:./perennial.db, or an open store'],
    [
      { ...good, acessTokenTtlSeconds: 60 },
      'acessTokenTtlSeconds is not an option. Did you mean accessTokenTtlSeconds?',
    ],
    [{ ...good, secrets: secret }, 'secrets is not an option. Did you mean secret?'],
    [{ ...good, requiredplans: [] }, 'requiredplans is not an option. Did you mean requiredPlans?'],
    [{ ...good, cors: true }, 'cors is not an option. Did you mean allowedOrigins?'],
    [{ ...good, __proto__x: true }, '__proto__x is not an option'],
    [
      { ...good, rateLimits: { ipPerMinutes: 3 } },
      'rateLimits.ipPerMinutes is not an option. Did you mean rateLimits.ipPerMinute?',
    ],
    [
      withKey({ secertKey: 'sk_1' }),
      'memberstack.secertKey is not an option. Did you mean memberstack.secretKey?',
    ],
    [withKey({ publicKey: 'pk_1' }), 'memberstack.publicKey is not an option'],
    [withKey({ secretKey: 'pk_live' }), 'memberstack.secretKey is a pk_… value; it looks like sk_…'],
    [withKey({ secretKey: 'app_1' }), 'memberstack.secretKey is a app_… value; it looks like sk_…'],
    [withKey({ secretKey: 'whsec_1' }), 'memberstack.secretKey is a whsec_… value; it looks like sk_…'],
    [withKey({ appId: 'sk_1' }), 'memberstack.appId is a sk_… value; it looks like app_…'],
    [withKey({ appId: 'mem_1' }), 'memberstack.appId is a mem_… value; it looks like app_…'],
    [{ ...good, environment: 'prod' }, 'environment must be "production" or "development"'],
    [{ ...good, environment: true }, 'environment must be "production" or "development"'],
    [{ ...good, refreshTokenTransport: 'cookies' }, 'refreshTokenTransport must be "body" or "cookie"'],
    [{ ...good, telemetry: [] }, telemetryLine],
    [{ ...good, telemetry: null }, telemetryLine],
    [{ ...good, telemetry: { emit: () => {} } }, telemetryLine],
    [{ ...good, secret: 'not base64!' }, 'secret is not base64: openssl rand -base64 32'],
    [{ ...good, secret: 'c2hvcnQ=' }, 'secret has fewer than 32 bytes: openssl rand -base64 32'],
    [{ ...good, secret: '' }, 'secret is not base64: openssl rand -base64 32'],
    [{ ...good, secret: [secret, ''] }, 'secret 2 is not base64: openssl rand -base64 32'],
    [
      { ...good, allowedOrigins: ['https://a.example/'] },
      'allowedOrigins: "https://a.example/" is not an origin, which has no path and no slash at its end: "https://a.example"',
    ],
    [
      { ...good, allowedOrigins: ['https://a.example/app'] },
      'allowedOrigins: "https://a.example/app" is not an origin, which has no path and no slash at its end: "https://a.example"',
    ],
    [
      { ...good, allowedOrigins: ['a.example'] },
      'allowedOrigins: "a.example" is not an origin, which has no path and no slash at its end: "https://app.example.com"',
    ],
  ])('refuses %j in one line', (options, line) => {
    expect(linesOf(options)).toEqual([line])
  })

  it('names all problems at once, and quotes no key and no secret', () => {
    const canary = 'canary-0123456789'
    const options = {
      ...withKey({ secretKey: `pk_${canary}`, appId: `sk_${canary}` }),
      secret: `${canary}!`,
      environment: 'live',
    }
    expect(linesOf(options)).toHaveLength(4)
    expect(linesOf(options).join()).not.toContain(canary)
  })
})

describe('the environment', () => {
  afterEach(() => vi.unstubAllEnvs())

  it('is production where NODE_ENV says so, unless the option says otherwise', () => {
    vi.stubEnv('NODE_ENV', 'production')
    expect(() => resolveOptions(good)).toThrow('secret is required in production')
    expect(resolveOptions({ ...good, secret }).environment).toBe('production')
    expect(resolveOptions({ ...good, environment: 'development' }).environment).toBe('development')
    vi.stubEnv('NODE_ENV', 'staging')
    expect(resolveOptions(good).environment).toBe('development')
  })
})

it('createPerennial refuses at the call, before it opens anything', async () => {
  const refused = {
    ...good,
    store: 'sqlite:/nowhere/at/all.db',
    memberstack: { ...memberstack, secretKey: 'pk_1' },
  }
  await expect(createPerennial(refused)).rejects.toThrow('memberstack.secretKey is a pk_… value')
})
