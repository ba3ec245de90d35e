import { createPerennial } from '@perennial/auth'
import { describe, expect, it } from 'vitest'
import { readConfig } from './config.js'

/** The mistakes of people who set Perennial up for the first time: what they write, and the one line that they get. */

const secret = Buffer.alloc(32, 7).toString('base64')
const session = { MEMBERSTACK_APP_ID: 'app_1', MEMBERSTACK_SECRET_KEY: 'sk_1' }
const production = { ...session, NODE_ENV: 'production', PERENNIAL_SECRET: secret }
const forward = {
  MEMBERSTACK_APP_ID: 'app_1',
  MEMBERSTACK_REFRESH_URL: 'https://api.example.com/refresh',
  MEMBERSTACK_JWKS_URI: 'https://keys.example.com/jwks.json',
}

type Variables = Readonly<Record<string, string>>

const variables: readonly (readonly [mistake: string, env: Variables, name: string, problem: string])[] = [
  [
    'the public key as the app id',
    { ...session, MEMBERSTACK_APP_ID: 'pk_live_1' },
    'MEMBERSTACK_APP_ID',
    'begins with pk_',
  ],
  [
    'the id of a member as the app id',
    { ...session, MEMBERSTACK_APP_ID: 'mem_1' },
    'MEMBERSTACK_APP_ID',
    'begins with mem_',
  ],
  [
    'the placeholder of an example',
    { ...session, MEMBERSTACK_APP_ID: 'your-app-id' },
    'MEMBERSTACK_APP_ID',
    'is a placeholder',
  ],
  [
    'the dots of an example',
    { ...session, MEMBERSTACK_SECRET_KEY: 'sk_...' },
    'MEMBERSTACK_SECRET_KEY',
    'is a placeholder',
  ],
  [
    'the public key as the secret key',
    { ...session, MEMBERSTACK_SECRET_KEY: 'pk_1' },
    'MEMBERSTACK_SECRET_KEY',
    'begins with pk_',
  ],
  [
    'a header instead of a key',
    { ...session, MEMBERSTACK_SECRET_KEY: 'Bearer sk_1' },
    'MEMBERSTACK_SECRET_KEY',
    'has a space',
  ],
  [
    'quotes in a file for docker',
    { ...session, MEMBERSTACK_SECRET_KEY: '"sk_1"' },
    'MEMBERSTACK_SECRET_KEY',
    'is in quotation marks',
  ],
  ['quotes around a number', { ...session, PORT: "'8787'" }, 'PORT', 'is in quotation marks'],
  ['no secret key', { MEMBERSTACK_APP_ID: 'app_1' }, 'MEMBERSTACK_SECRET_KEY', 'is not set'],
  ['no app id', { MEMBERSTACK_SECRET_KEY: 'sk_1' }, 'MEMBERSTACK_APP_ID', 'is not set although'],
  ['no secret in production', { ...production, PERENNIAL_SECRET: '' }, 'PERENNIAL_SECRET', 'is not set'],
  [
    'a password as the secret',
    { ...session, PERENNIAL_SECRET: 'hunter2' },
    'PERENNIAL_SECRET',
    'has fewer than 32 bytes',
  ],
  [
    'a sentence as the secret',
    { ...session, PERENNIAL_SECRET: 'correct horse battery staple' },
    'PERENNIAL_SECRET',
    'is not base64',
  ],
  [
    'a command in .env',
    { ...session, PERENNIAL_SECRET: '$(openssl rand -base64 32)' },
    'PERENNIAL_SECRET',
    'holds a command',
  ],
  [
    'the webhook secret as the secret',
    { ...session, PERENNIAL_SECRET: `whsec_${secret}` },
    'PERENNIAL_SECRET',
    'begins with whsec_',
  ],
  [
    'the key of the API as the webhook secret',
    { ...session, MEMBERSTACK_WEBHOOK_SECRET: 'sk_1' },
    'MEMBERSTACK_WEBHOOK_SECRET',
    'is not a Svix',
  ],
  [
    'the URL of the webhook as its secret',
    { ...session, MEMBERSTACK_WEBHOOK_SECRET: 'https://a.example/v1/webhooks/memberstack' },
    'MEMBERSTACK_WEBHOOK_SECRET',
    'is not a Svix',
  ],
  [
    'a path as the store',
    { ...session, STORE_URL: './data/perennial.db' },
    'STORE_URL',
    'is not sqlite:<path>',
  ],
  ['a store without slashes', { ...session, STORE_URL: 'redis:6379' }, 'STORE_URL', 'is not sqlite:<path>'],
  ['another database', { ...session, STORE_URL: 'mysql://root@db/app' }, 'STORE_URL', 'is not sqlite:<path>'],
  [
    'a name of the platform',
    { ...session, REDIS_URL: 'redis://cache:6379' },
    'REDIS_URL',
    'only STORE_URL is read',
  ],
  [
    'a wildcard of subdomains',
    { ...session, CORS_ORIGIN: 'https://*.example.com' },
    'CORS_ORIGIN',
    'holds a wildcard',
  ],
  [
    'an origin with a slash',
    { ...session, CORS_ORIGIN: 'https://app.example.com/' },
    'CORS_ORIGIN',
    'not an origin',
  ],
  [
    'an origin without a scheme',
    { ...session, CORS_ORIGIN: 'app.example.com' },
    'CORS_ORIGIN',
    'not an origin',
  ],
  [
    'origins with a semicolon',
    { ...session, CORS_ORIGIN: 'https://a.example;https://b.example' },
    'CORS_ORIGIN',
    'not an origin',
  ],
  [
    'every origin with cookies',
    { ...session, CORS_ORIGIN: '*', REFRESH_TOKEN_TRANSPORT: 'cookie' },
    'CORS_ORIGIN',
    'is *',
  ],
  ['the name of a plan', { ...session, REQUIRED_PLANS: 'gold' }, 'REQUIRED_PLANS', 'is not a plan id'],
  [
    'a life of a day',
    { ...session, ACCESS_TOKEN_TTL_SECONDS: '86400' },
    'ACCESS_TOKEN_TTL_SECONDS',
    'is above 3600',
  ],
  [
    'a life of "1h"',
    { ...session, ACCESS_TOKEN_TTL_SECONDS: '1h' },
    'ACCESS_TOKEN_TTL_SECONDS',
    'is not a whole number',
  ],
  ['milliseconds', { ...session, SESSION_IDLE_SECONDS: '604800000' }, 'SESSION_IDLE_SECONDS', 'is above'],
  [
    'an idle time above the maximum',
    { ...session, SESSION_IDLE_SECONDS: '2000000' },
    'SESSION_IDLE_SECONDS',
    'is above SESSION_MAX_SECONDS',
  ],
  ['yes for on', { ...session, METRICS: 'true' }, 'METRICS', 'is not one of on, off'],
  ['true for the proxies', { ...session, TRUST_PROXY: 'true' }, 'TRUST_PROXY', 'is neither a number'],
  ['an address with a port', { ...session, HOST: 'localhost:8787' }, 'HOST', 'is not a host name'],
  ['one port for both', { PORT: '8788' }, 'EMULATOR_PORT', 'is the same as PORT'],
  [
    'our own address as the refresh API',
    { ...forward, MEMBERSTACK_REFRESH_URL: 'http://localhost:8787/v1/auth/refresh-token' },
    'MEMBERSTACK_REFRESH_URL',
    'is the address of this service',
  ],
  [
    'the path of a call in the admin URL',
    { ...session, MEMBERSTACK_ADMIN_URL: 'https://admin.memberstack.com/members' },
    'MEMBERSTACK_ADMIN_URL',
    'holds the path of a call',
  ],
  [
    'a key set that is not there',
    { ...session, MEMBERSTACK_JWKS: './keys.json' },
    'MEMBERSTACK_JWKS',
    'is neither JSON nor a file',
  ],
  [
    'no key set in forward mode',
    { ...forward, MEMBERSTACK_JWKS_URI: '' },
    'MEMBERSTACK_JWKS',
    'forward mode needs a key set',
  ],
  [
    'a webhook in forward mode',
    { ...forward, MEMBERSTACK_WEBHOOK_SECRET: `whsec_${secret}` },
    'MEMBERSTACK_WEBHOOK_SECRET',
    'has no effect in forward mode',
  ],
  [
    'the personal key of PostHog',
    { ...session, POSTHOG_API_KEY: 'phx_1' },
    'POSTHOG_API_KEY',
    'begins with phx_',
  ],
  [
    'a DSN without its key',
    { ...session, SENTRY_DSN: 'https://o1.ingest.sentry.io/1' },
    'SENTRY_DSN',
    'is not a Sentry DSN',
  ],
  ['a level that there is not', { ...session, LOG_LEVEL: 'verbose' }, 'LOG_LEVEL', 'is not one of trace'],
  ['prod for production', { ...session, NODE_ENV: 'prod' }, 'NODE_ENV', 'counts as development'],
  [
    'a slip in a name',
    { ...session, PERENIAL_SECRET: secret },
    'PERENIAL_SECRET',
    'Did you mean PERENNIAL_SECRET?',
  ],
  ['URI for URL', { ...session, STORE_URI: 'redis://cache' }, 'STORE_URI', 'Did you mean STORE_URL?'],
  [
    'a name in lower case',
    { ...session, store_url: 'redis://cache' },
    'store_url',
    'Did you mean STORE_URL?',
  ],
  [
    'a name with our prefix',
    { ...session, PERENNIAL_STORE_URL: 'redis://cache' },
    'PERENNIAL_STORE_URL',
    'Did you mean STORE_URL?',
  ],
  [
    'a name without its unit',
    { ...session, ACCESS_TOKEN_TTL: '60' },
    'ACCESS_TOKEN_TTL',
    'Did you mean ACCESS_TOKEN_TTL_SECONDS?',
  ],
  [
    'a name with another unit',
    { ...session, SESSION_IDLE_DAYS: '7' },
    'SESSION_IDLE_DAYS',
    'Did you mean SESSION_IDLE_SECONDS?',
  ],
  [
    'the name that other services have',
    { ...session, CORS_ALLOWED_ORIGINS: '*' },
    'CORS_ALLOWED_ORIGINS',
    'Did you mean CORS_ORIGIN?',
  ],
]

const memberstack = { appId: 'app_1', secretKey: 'sk_1' }
const good = { store: 'memory:', memberstack, secret }
const withMemberstack = (change: object) => ({ ...good, memberstack: { ...memberstack, ...change } })

const options: readonly (readonly [mistake: string, options: unknown, name: string, problem: string])[] = [
  ['no options', undefined, 'createPerennial', 'needs an object of options'],
  ['the app id at the top', { ...good, appId: 'app_1' }, 'appId', 'Did you mean memberstack.appId?'],
  [
    'a slip in a name',
    { ...good, acessTokenTtlSeconds: 60 },
    'acessTokenTtlSeconds',
    'Did you mean accessTokenTtlSeconds?',
  ],
  ['cors', { ...good, cors: ['https://a.example'] }, 'cors', 'Did you mean allowedOrigins?'],
  [
    'an app id that is not set',
    withMemberstack({ appId: undefined }),
    'memberstack.appId',
    'is empty; it looks like app_…',
  ],
  [
    'a number as the app id',
    withMemberstack({ appId: 7 }),
    'memberstack.appId',
    'is not a text; it looks like app_…',
  ],
  [
    'a secret key that is not set',
    withMemberstack({ secretKey: undefined }),
    'session mode',
    'needs memberstack.secretKey',
  ],
  [
    'ids that are swapped',
    withMemberstack({ secretKey: 'app_1' }),
    'memberstack.secretKey',
    'is a app_… value; it looks like sk_…',
  ],
  [
    'a secret key with a line break',
    withMemberstack({ secretKey: 'sk_1\n' }),
    'memberstack.secretKey',
    'must be visible ASCII without spaces',
  ],
  [
    'a secret key in quotes',
    withMemberstack({ secretKey: '"sk_1"' }),
    'memberstack.secretKey',
    'has quotation marks',
  ],
  [
    'a host as the admin URL',
    withMemberstack({ adminUrl: 'admin.memberstack.com' }),
    'memberstack.adminUrl',
    'must be an http(s) URL',
  ],
  [
    'a URL object',
    withMemberstack({ jwksUri: new URL('https://keys.example.com/') }),
    'memberstack.jwksUri',
    'must be an http(s) URL, as a text',
  ],
  ['a key set as an object', withMemberstack({ jwks: { keys: [] } }), 'memberstack.jwks', 'is not a text'],
  ['the path of a key set', withMemberstack({ jwks: './keys.json' }), 'memberstack.jwks', 'is not a JWKS'],
  [
    'a key set without a usable key',
    withMemberstack({ jwks: '{"keys":[]}' }),
    'memberstack.jwks',
    'no usable key',
  ],
  [
    'another webhook secret',
    withMemberstack({ webhookSecret: 'abc' }),
    'memberstack.webhookSecret',
    'must be "whsec_"',
  ],
  [
    'a client of Redis as the store',
    { ...good, store: { get() {}, set() {} } },
    'store',
    'is neither a text nor an open store',
  ],
  ['a store that is not awaited', { ...good, store: Promise.resolve({}) }, 'store', 'is a promise: await it'],
  ['a path as the store', { ...good, store: './perennial.db' }, 'store', 'is not sqlite:<path>'],
  ['bytes as the secret', { ...good, secret: Buffer.alloc(32) }, 'secret', 'is not a text in base64'],
  ['a webhook secret as the secret', { ...good, secret: `whsec_${secret}` }, 'secret', 'is a whsec_… value'],
  [
    'an origin that is not in a list',
    { ...good, allowedOrigins: 'https://a.example' },
    'allowedOrigins',
    'is not a list',
  ],
  [
    'a wildcard of subdomains',
    { ...good, allowedOrigins: ['https://*.a.example'] },
    'allowedOrigins',
    'holds a wildcard',
  ],
  ['a pattern as an origin', { ...good, allowedOrigins: [/a/] }, 'allowedOrigins', 'is not an origin'],
  [
    'a plan that is not in a list',
    { ...good, requiredPlans: 'pln_1' },
    'requiredPlans',
    'is not a list of plan ids',
  ],
  ['the name of a plan', { ...good, requiredPlans: ['gold'] }, 'requiredPlans', 'is not a plan id'],
  [
    'plans in forward mode',
    {
      ...good,
      requiredPlans: ['pln_1'],
      memberstack: { appId: 'app_1', refreshUrl: 'https://a.example/', jwksUri: 'https://a.example/' },
    },
    'requiredPlans',
    'is checked in session mode only',
  ],
  ['a life of a day', { ...good, accessTokenTtlSeconds: 86_400 }, 'accessTokenTtlSeconds', 'from 60 to 3600'],
  [
    'a variable as it is',
    { ...good, sessionIdleSeconds: '604800' },
    'sessionIdleSeconds',
    'must be a whole number of seconds',
  ],
  [
    'null for the default',
    { ...good, refreshGraceSeconds: null },
    'refreshGraceSeconds',
    'must be a whole number of seconds',
  ],
  ['one number for all limits', { ...good, rateLimits: 100 }, 'rateLimits', 'is not an object'],
  ['a clock in milliseconds', { ...good, clock: Date.now }, 'clock', 'returns milliseconds'],
  ['fetch as the client', { ...good, httpClient: fetch }, 'httpClient', 'is fetch'],
  ['a logger as the telemetry', { ...good, telemetry: console }, 'telemetry', 'must have the methods'],
  ['claims as an object', { ...good, claimsOf: { role: 'x' } }, 'claimsOf', 'is not a function'],
  [
    'the issuer of Memberstack',
    { ...good, issuer: 'https://api.memberstack.com' },
    'issuer',
    'is also the issuer of Memberstack',
  ],
  [
    'prod for production',
    { ...good, environment: 'prod' },
    'environment',
    'must be "production" or "development"',
  ],
  [
    'cookies',
    { ...good, refreshTokenTransport: 'cookies' },
    'refreshTokenTransport',
    'must be "body" or "cookie"',
  ],
]

/** Returns the lines that the service prints at its start about these variables. */
function linesOf(env: Variables): readonly string[] {
  const world = {
    readTextFile: (): string => {
      throw new Error('ENOENT')
    },
  }
  try {
    return readConfig(env, world).warnings
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return error instanceof Error ? error.message.split('\n') : []
  }
}

/** Returns the lines of the refusal of `createPerennial`, which a program without types calls. */
async function refusalOf(given: unknown): Promise<readonly string[]> {
  try {
    const perennial: { close(): Promise<void> } = await Reflect.apply(createPerennial, undefined, [given])
    await perennial.close()
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return error instanceof Error ? error.message.split('\n') : []
  }
}

/** Part of a line that says what to write instead. */
const advice =
  /A good example: \S|Did you mean \S+\?|looks like \w+…|openssl rand -base64 32|must be "\w+" or "\w+"|: "https:|Set [A-Z_]+|no effect in forward mode \(|an object of options|ends? at the maximum/

function expectOneLine(lines: readonly string[], name: string, problem: string): void {
  expect(lines).toEqual([expect.stringContaining(problem)])
  expect(lines.join()).toMatch(new RegExp(`^${name.replaceAll('.', '\\.')}(:|\\s)`))
  expect(lines.join()).toMatch(advice)
}

describe('a mistake in a variable gets one line at the start, with a good example', () => {
  it.each(variables)('%s', (_mistake, env, name, problem) => {
    expectOneLine(linesOf(env), name, problem)
  })

  it('without the values, which may be keys', () => {
    for (const [, env] of variables)
      for (const value of Object.values(env))
        if (/hunter2|correct horse|7777|whsec_B/.test(value)) expect(linesOf(env).join()).not.toContain(value)
  })

  it('and all of them at once', () => {
    const all = {
      ...session,
      MEMBERSTACK_APP_ID: 'pk_1',
      MEMBERSTACK_SECRET_KEY: '"sk_1"',
      PERENNIAL_SECRET: 'hunter2',
      STORE_URL: './x.db',
      CORS_ORIGIN: 'app.example.com',
      ACCESS_TOKEN_TTL_SECONDS: '1h',
      TRUST_PROXY: 'true',
      PERENIAL_SECRET: 'x',
    }
    expect(linesOf(all).map((line) => line.split(' ')[0])).toEqual(expect.arrayContaining(Object.keys(all)))
    expect(linesOf(all)).toHaveLength(Object.keys(all).length)
  })
})

describe('a mistake in an option gets one line at the call, with a good example', () => {
  it.each(options)('%s', async (_mistake, given, name, problem) => {
    expectOneLine(await refusalOf(given), name, problem)
  })

  it('and all of them at once', async () => {
    const given = {
      ...withMemberstack({ appId: '', secretKey: 'pk_1', adminUrl: 'x', requestsPerSecond: 0 }),
      secret: 'hunter2',
      environment: 'prod',
      accessTokenTtlSeconds: 1,
      sessionMaxSeconds: 0,
      rateLimits: { ipPerMinute: 0, ipTotal: 1 },
      prefix: 'My App',
      allowedOrigins: '*',
      logger: console,
    }
    const lines = await refusalOf(given)
    expect(lines).toHaveLength(13)
    expect(lines.join()).not.toContain('hunter2')
  })

  it('the two tables have 60 rows at least', () => {
    expect(variables.length + options.length).toBeGreaterThanOrEqual(60)
  })
})
