import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readTextFile } from '../base/text-file.js'
import { readConfig } from './config.js'
import { examples, settingNames } from './settings.js'

const secret = Buffer.alloc(32, 7).toString('base64')
const keySetOf = (modulusLength: number) =>
  JSON.stringify({
    keys: [generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ format: 'jwk' })],
  })
const keySet = keySetOf(2048)
const files: Record<string, string> = { './memberstack-jwks.json': keySet, './page.html': '<html>' }
const world = {
  readTextFile(path: string) {
    const text = files[path]
    if (text === undefined) throw new Error('ENOENT')
    return text
  },
}
const read = (env: Record<string, string | undefined>) => readConfig(env, world)

const session = { MEMBERSTACK_APP_ID: 'app_1', MEMBERSTACK_SECRET_KEY: 'sk_1' }
const forward = {
  MEMBERSTACK_APP_ID: 'app_1',
  MEMBERSTACK_REFRESH_URL: 'https://api.example.com/refresh',
  MEMBERSTACK_JWKS: keySet,
}
const production = { NODE_ENV: 'production', PERENNIAL_SECRET: secret }

function refusalOf(env: Record<string, string | undefined>): string {
  try {
    read(env)
  } catch (error) {
    if (error instanceof TypeError) return error.message
    throw error
  }
  return 'started'
}

describe('readConfig', () => {
  it('uses the emulator and the documented defaults if nothing is set', () => {
    expect(read({})).toMatchObject({
      environment: 'development',
      host: '127.0.0.1',
      port: 8787,
      store: { kind: 'sqlite', path: './data/perennial.db' },
      memberstack: { kind: 'emulator', port: 8788 },
      trustProxy: 0,
      keepAliveTimeoutSeconds: 620,
      corsOrigins: [],
      refreshTokenTransport: 'body',
      showMetrics: true,
      showDocs: true,
      logLevel: 'info',
      sentryDsn: undefined,
      posthog: undefined,
      warnings: [],
      plainConnections: [],
    })
  })

  it('reads the proxies, in lower case too, which wins', () => {
    const upper = {
      HTTPS_PROXY: 'http://us%40er:pass@proxy.example.com:3128',
      HTTP_PROXY: 'https://proxy.example.com',
      NO_PROXY: '.example.com, 10.0.0.1',
    }
    expect(read(upper).proxy).toEqual({
      httpsProxy: upper.HTTPS_PROXY,
      httpProxy: upper.HTTP_PROXY,
      noProxy: upper.NO_PROXY,
    })
    const lower = { https_proxy: 'http://other.example.com:3128', http_proxy: ' ', no_proxy: '*' }
    expect(read({ ...upper, ...lower }).proxy).toEqual({
      httpsProxy: lower.https_proxy,
      httpProxy: upper.HTTP_PROXY,
      noProxy: '*',
    })
    expect(read({}).proxy).toEqual({})
  })

  it('stops at a proxy that is not an http(s) URL, without repeating it', () => {
    for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy'])
      for (const value of ['canary:3128', 'socks5://canary', 'http://canary/path', 'http://']) {
        const refusal = refusalOf({ [name]: value })
        expect(refusal).toMatch(
          new RegExp(
            `^${name.toUpperCase()} is not the http\\(s\\) URL of a proxy. A good example: .*:3128$`,
          ),
        )
        expect(refusal).not.toContain('canary')
      }
  })

  it('treats an empty or blank value as not set', () => {
    const blank = Object.fromEntries(settingNames.map((name, at) => [name, at % 2 === 0 ? '' : '  ']))
    expect(read(blank)).toEqual(read({}))
  })

  it('passes every setting on', () => {
    const config = read({
      ...production,
      ...session,
      PERENNIAL_SECRET: `${secret},${secret}`,
      PORT: '0',
      HOST: '::',
      STORE_URL: 'rediss://user:pass@cache:6380/1',
      MEMBERSTACK_WEBHOOK_SECRET: `whsec_${secret}`,
      REQUIRED_PLANS: 'pln_a, pln_b',
      ACCESS_TOKEN_TTL_SECONDS: '60',
      REFRESH_GRACE_SECONDS: '0',
      RATE_LIMIT_IP_PER_MINUTE: '5',
      CORS_ORIGIN: 'https://a.example,http://localhost:3000',
      REFRESH_TOKEN_TRANSPORT: 'cookie',
      TRUST_PROXY: '10.0.0.0/8,::1',
      METRICS: 'on',
      POSTHOG_API_KEY: 'phc_1',
    })
    expect(config).toMatchObject({
      environment: 'production',
      host: '::',
      port: 0,
      store: {
        kind: 'redis',
        url: 'rediss://user:pass@cache:6380/1',
        nodes: [{ host: 'cache', port: 6380 }],
        tls: true,
      },
      memberstack: { kind: 'memberstack', appId: 'app_1', secretKey: 'sk_1' },
      perennial: {
        environment: 'production',
        secret: [secret, secret],
        requiredPlans: ['pln_a', 'pln_b'],
        accessTokenTtlSeconds: 60,
        refreshGraceSeconds: 0,
        rateLimits: { ipPerMinute: 5 },
        refreshTokenTransport: 'cookie',
        allowedOrigins: ['https://a.example', 'http://localhost:3000'],
      },
      corsOrigins: ['https://a.example', 'http://localhost:3000'],
      trustProxy: ['10.0.0.0/8', '::1'],
      showMetrics: true,
      showDocs: false,
      posthog: { apiKey: 'phc_1', host: undefined },
    })
  })

  it('reads a pinned key set inline or from a file', () => {
    expect(read(forward).memberstack).toMatchObject({ jwks: keySet })
    expect(read({ ...forward, MEMBERSTACK_JWKS: './memberstack-jwks.json' }).memberstack).toMatchObject({
      jwks: keySet,
    })
  })
})

const tooLong = 'x'.repeat(5000)
const badValues: readonly [name: string, value: string, problem: string][] = [
  ['PORT', 'http', 'is not a whole number'],
  ['PORT', '65536', 'is above 65535'],
  ['PORT', '-1', 'is not a whole number'],
  ['PORT', '80.5', 'is not a whole number'],
  ['HOST', 'http://0.0.0.0', 'is not a host name or an address'],
  ['STORE_URL', 'mysql://db', 'is not sqlite:<path>, memory:, redis://'],
  ['STORE_URL', 'postgres://db?tls=1', 'has an unknown parameter (tls)'],
  ['STORE_URL', 'postgresql:///app', 'names no host'],
  ['STORE_URL', 'sqlite:', 'is not sqlite:<path>, memory:, redis://'],
  ['STORE_URL', 'sqlite://host/x.db', 'names no file'],
  ['STORE_URL', 'sqlite::memory:', 'names no file'],
  ['STORE_URL', 'sqlite:file:x.db', 'names no file'],
  ['STORE_URL', 'redis://:pa ss@[', 'is not a URL'],
  ['STORE_URL', 'redis://cache?tls=1', 'has an unknown parameter (tls)'],
  ['STORE_URL', 'redis://cache?sentinel=', 'names no master'],
  ['STORE_URL', 'redis://cache/1?cluster', 'names a database'],
  ['STORE_URL', 'redis://cache?cluster&node=b:port', 'has a node that is not <host>:<port>'],
  ['STORE_URL', 'rediss://:50%off@cache', 'is not percent-encoded'],
  ['PERENNIAL_SECRET', 'short', 'has fewer than 32 bytes'],
  ['PERENNIAL_SECRET', `${secret},short`, 'has fewer than 32 bytes'],
  ['PERENNIAL_SECRET', `${secret},`, 'has an empty item'],
  ['PERENNIAL_SECRET', 'not base64!'.repeat(8), 'is not base64'],
  ['MEMBERSTACK_APP_ID', 'pk_1', 'begins with pk_'],
  ['MEMBERSTACK_APP_ID', 'app 1', 'has a space'],
  ['MEMBERSTACK_SECRET_KEY', 'pk_1', 'begins with pk_'],
  ['MEMBERSTACK_SECRET_KEY', 'sk_\u00e9', 'not ASCII'],
  ['MEMBERSTACK_SECRET_KEY', `sk_${'x'.repeat(510)}`, 'is longer than 512'],
  ['MEMBERSTACK_ADMIN_URL', 'admin.memberstack.com', 'is not an http(s) URL'],
  ['MEMBERSTACK_ADMIN_URL', 'https://me:pw@admin.example', 'holds a user'],
  ['MEMBERSTACK_JWKS_URI', 'file:///etc/passwd', 'is not an http(s) URL'],
  ['MEMBERSTACK_JWKS', '{"keys":[]}', 'is not a key set'],
  ['MEMBERSTACK_JWKS', '{"keys"', 'is not a key set'],
  ['MEMBERSTACK_JWKS', '{"keys":[{"kty":"RSA","kid":"1"}]}', 'has no usable key'],
  ['MEMBERSTACK_JWKS', keySetOf(1024), 'has no usable key'],
  ['MEMBERSTACK_JWKS', './page.html', 'is not a key set'],
  ['MEMBERSTACK_JWKS', './missing.json', 'is neither JSON nor a file'],
  ['MEMBERSTACK_REFRESH_URL', 'https://x.example/?key=1', 'holds a user, a password, a query'],
  ['MEMBERSTACK_WEBHOOK_SECRET', secret, 'is not a Svix signing secret'],
  ['MEMBERSTACK_WEBHOOK_SECRET', 'whsec_?', 'is not a Svix signing secret'],
  ['MEMBERSTACK_WEBHOOK_SECRET', 'whsec_YQ==', 'is too short'],
  ['REQUIRED_PLANS', 'pln_a,,pln_b', 'has an empty item'],
  ['REQUIRED_PLANS', 'gold', 'not a plan id'],
  ['REQUIRED_PLANS', 'pln_a,gold', 'not a plan id'],
  ['ACCESS_TOKEN_TTL_SECONDS', '3601', 'is above 3600'],
  ['ACCESS_TOKEN_TTL_SECONDS', '59', 'is below 60'],
  ['ACCESS_TOKEN_TTL_SECONDS', '1h', 'is not a whole number'],
  ['REFRESH_GRACE_SECONDS', '-1', 'is not a whole number'],
  ['SESSION_IDLE_SECONDS', '1e9', 'is not a whole number'],
  ['SESSION_MAX_SECONDS', '99999999999', 'is above'],
  ['SIGN_IN_MAX_AGE_SECONDS', '0', 'is below 1'],
  ['RATE_LIMIT_IP_PER_MINUTE', '0', 'is below 1'],
  ['TRUST_PROXY', 'true', 'is neither a number of proxies'],
  ['TRUST_PROXY', '33', 'is neither a number of proxies'],
  ['TRUST_PROXY', '0.0.0.0/0', 'is neither a number of proxies'],
  ['TRUST_PROXY', '10.0.0.0/33', 'is neither a number of proxies'],
  ['TRUST_PROXY', '10.0.0.1/8/8', 'is neither a number of proxies'],
  ['METRICS', 'yes', 'is not one of on, off'],
  ['DOCS', 'true', 'is not one of on, off'],
  ['CORS_ORIGIN', 'app.example.com', 'not an origin'],
  ['CORS_ORIGIN', 'https://app.example.com/', 'not an origin'],
  ['CORS_ORIGIN', 'https://*.example.com', 'holds a wildcard'],
  ['CORS_ORIGIN', 'https://a.example,https://*.example.com/', 'holds a wildcard'],
  ['CORS_ORIGIN', 'null', 'not an origin'],
  ['CORS_ORIGIN', '*,https://a.example', 'has * beside other origins'],
  ['REFRESH_TOKEN_TRANSPORT', 'header', 'is not one of body, cookie'],
  ['SENTRY_DSN', 'https://sentry.io/1', 'is not a Sentry DSN'],
  ['POSTHOG_API_KEY', tooLong, 'has a space or a character'],
  ['POSTHOG_HOST', 'eu.i.posthog.com', 'is not an http(s) URL'],
  ['LOG_LEVEL', 'verbose', 'is not one of trace'],
  ['EMULATOR_PORT', 'x', 'is not a whole number'],
  ['PERENNIAL_ISSUER', 'a b', 'has a space'],
  ['PERENNIAL_ISSUER', 'https://api.memberstack.com', 'is also the issuer of Memberstack'],
  ['PERENNIAL_ISSUER', 'https://auth.example.com/?a=b', 'is not a usable URL'],
  ['PERENNIAL_ISSUER', 'https://auth.example.com#a', 'is not a usable URL'],
  ['PERENNIAL_ISSUER', 'https://', 'is not a usable URL'],
  ['ACCESS_TOKEN_CLAIMS', 'role=authenticated', 'is not a JSON object of claims'],
  ['ACCESS_TOKEN_CLAIMS', '["authenticated"]', 'is not a JSON object of claims'],
  ['ACCESS_TOKEN_CLAIMS', '"role"', 'is not a JSON object of claims'],
  ['ACCESS_TOKEN_CLAIMS', 'null', 'is not a JSON object of claims'],
  [
    'ACCESS_TOKEN_CLAIMS',
    '{"role":"authenticated","sub":"mem_ada"}',
    'holds "sub", which Perennial sets itself',
  ],
  ['ACCESS_TOKEN_CLAIMS', '{"email":"ada@example.com"}', 'holds "email", which Perennial sets itself'],
  ['ACCESS_TOKEN_CLAIMS', JSON.stringify({ story: 'x'.repeat(3000) }), 'bytes of JSON; at most 2048 fit'],
]

describe('a bad value', () => {
  it.each(badValues)('stops the start in one line: %s=%j %s', (name, value, problem) => {
    const refusal = refusalOf({ ...session, [name]: value })
    expect(refusal).toMatch(new RegExp(`^${name} `))
    expect(refusal).toContain(problem)
    expect(refusal).toContain(`A good example: ${name}=`)
    expect(refusal).not.toMatch(/[\r\n]/)
    if (value.length > 8) expect(refusal.split('. A good example')[0]).not.toContain(value)
  })

  it('is reported with an example that is itself valid', () => {
    for (const [name, example] of Object.entries(examples)) {
      if (/…|\$\(/.test(example)) continue
      expect(refusalOf({ ...session, [name]: example }), name).not.toContain(`${name} is`)
    }
  })
})

describe('a file or variable of another program with a byte order mark', () => {
  it('does not hide a key set, and UTF-16 is named', () => {
    const folder = mkdtempSync(join(tmpdir(), 'perennial-config-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'keys.json')
    const readFrom = () => readConfig({ ...forward, MEMBERSTACK_JWKS: path }, { readTextFile })
    writeFileSync(path, `\uFEFF${keySet}`)
    expect(readFrom().memberstack).toMatchObject({ jwks: keySet })
    writeFileSync(path, Buffer.from(`\uFEFF${keySet}`, 'utf16le'))
    expect(readFrom).toThrow(/^MEMBERSTACK_JWKS names a file that is in UTF-16; save it as UTF-8/)
  })

  it('stops the start if one of our variables would be ignored because of it', () => {
    expect(refusalOf({ '\uFEFFNODE_ENV': 'production', ...session })).toMatch(
      /^NODE_ENV has a byte order mark before its name and would be ignored\. [^\n]+$/,
    )
    expect(refusalOf({ '\uFEFFREQUIRED_PLANS': 'pln_1', ...session })).toMatch(/^REQUIRED_PLANS has a byte/)
    expect(refusalOf({ '\uFEFFEDITOR': 'vi', ...session })).toBe('started')
  })
})

describe('the issuer and the claims of access tokens', () => {
  it('are read, and an http(s) issuer is where programs find the key set', () => {
    expect(read({}).issuerUrl).toBeUndefined()
    expect(read({ ...session, PERENNIAL_ISSUER: 'mine' }).issuerUrl).toBeUndefined()
    const url = 'https://auth.example.com/members'
    const config = read({
      ...session,
      PERENNIAL_ISSUER: url,
      ACCESS_TOKEN_CLAIMS: '{"role":"authenticated"}',
    })
    expect(config.issuerUrl).toBe(url)
    const member = { userId: 'mem_ada', email: '', roles: [], customFields: {}, activePlanIds: [] }
    expect(config.perennial.claimsOf?.(member)).toEqual({ role: 'authenticated' })
  })

  it('have no place in forward mode', () => {
    expect(read({ ...forward, PERENNIAL_ISSUER: 'https://auth.example.com' }).issuerUrl).toBeUndefined()
    expect(refusalOf({ ...forward, ACCESS_TOKEN_CLAIMS: '{"role":"authenticated"}' })).toMatch(
      /^ACCESS_TOKEN_CLAIMS has no effect in forward mode/,
    )
  })
})

describe('several problems', () => {
  const lines = (env: Record<string, string>) => refusalOf(env).split('\n')

  it('are reported at once, one line each, with every misspelt variable', () => {
    const found = lines({
      ...session,
      NODE_ENV: 'production',
      PORT: 'http',
      CORS_ORIGIN: 'https://*.example.com,nonsense',
      REQUIRED_PLANS: 'gold',
      MEMBERSTACK_JWKS: './missing.json',
      STORE_URI: 'redis://hush',
      PERENIAL_SECRET: 'hush',
      PERENIAL_THING: 'hush',
    })
    expect(found.map((line) => line.replace(/[.:,] .*/, ''))).toEqual([
      'PORT is not a whole number',
      'REQUIRED_PLANS holds something that is not a plan id (pln_…',
      'CORS_ORIGIN holds a wildcard',
      'PERENNIAL_SECRET is not set',
      'MEMBERSTACK_JWKS is neither JSON nor a file that can be read',
      'STORE_URI is not a known variable',
      'PERENIAL_SECRET is not a known variable',
      'PERENIAL_THING is not a known variable.',
    ])
    expect(found).toContain('STORE_URI is not a known variable. Did you mean STORE_URL?')
    expect(found).toContain('PERENIAL_SECRET is not a known variable. Did you mean PERENNIAL_SECRET?')
    expect(found.join()).not.toContain('hush')
  })

  it('do not include consequences of a bad value', () => {
    expect(lines({ MEMBERSTACK_APP_ID: 'pk_1', MEMBERSTACK_SECRET_KEY: 'app_1' })).toHaveLength(2)
    const badUrl = {
      MEMBERSTACK_APP_ID: 'app_1',
      MEMBERSTACK_REFRESH_URL: 'nonsense',
      MEMBERSTACK_JWKS: keySet,
    }
    expect(lines(badUrl)).toEqual([expect.stringMatching(/^MEMBERSTACK_REFRESH_URL is not/)])
    expect(lines({ ...forward, MEMBERSTACK_JWKS: '', MEMBERSTACK_JWKS_URI: 'nonsense' })).toEqual([
      expect.stringMatching(/^MEMBERSTACK_JWKS_URI is not/),
    ])
  })
})

describe('variables that Kubernetes sets for a Service', () => {
  it('do not stop the start, and are reported if they hide a setting', () => {
    const config = read({
      EMULATOR_PORT: 'tcp://10.0.0.1:8788',
      EMULATOR_SERVICE_HOST: '10.0.0.1',
      MEMBERSTACK_PORT: 'tcp://10.0.0.2:80',
      MEMBERSTACK_SERVICE_HOST: '10.0.0.2',
      MEMBERSTACK_PORT_80_TCP_ADDR: '10.0.0.2',
    })
    expect(config.memberstack).toEqual({ kind: 'emulator', port: 8788 })
    expect(config.warnings).toEqual([expect.stringMatching(/^EMULATOR_PORT was set by Kubernetes .*ignored/)])
  })

  it('are no excuse for a bad port', () => {
    expect(refusalOf({ EMULATOR_PORT: 'tcp://nonsense' })).toMatch(/^EMULATOR_PORT is not a whole number/)
    expect(refusalOf({ PORT: 'tcp://10.0.0.1:80' })).toMatch(/^PORT is not a whole number/)
  })
})

describe('settings that cannot work together', () => {
  const cases: readonly [rule: string, env: Record<string, string>, name: string, problem: string][] = [
    ['production needs a secret', { NODE_ENV: 'production', ...session }, 'PERENNIAL_SECRET', 'is not set'],
    ['production never runs the emulator', production, 'MEMBERSTACK_APP_ID', 'the emulator never runs'],
    [
      'session mode needs the secret key',
      { MEMBERSTACK_APP_ID: 'app_1' },
      'MEMBERSTACK_SECRET_KEY',
      'is not set',
    ],
    [
      'Memberstack needs an app id',
      { MEMBERSTACK_SECRET_KEY: 'sk_1' },
      'MEMBERSTACK_APP_ID',
      'is not set although',
    ],
    [
      'a misspelt Memberstack setting does not start the emulator',
      { MEMBERSTACK_APPID: 'app_1' },
      'MEMBERSTACK_APP_ID',
      'although MEMBERSTACK_APPID is',
    ],
    [
      'forward mode needs a key set',
      { ...forward, MEMBERSTACK_JWKS: '' },
      'MEMBERSTACK_JWKS',
      'needs a key set',
    ],
    [
      'forward mode has no cookie',
      { ...forward, REFRESH_TOKEN_TRANSPORT: 'cookie' },
      'REFRESH_TOKEN_TRANSPORT',
      'forward mode',
    ],
    [
      'forward mode checks no plans',
      { ...forward, REQUIRED_PLANS: 'pln_a' },
      'REQUIRED_PLANS',
      'session mode only',
    ],
    [
      'cookies never go to every origin',
      { ...session, CORS_ORIGIN: '*', REFRESH_TOKEN_TRANSPORT: 'cookie' },
      'CORS_ORIGIN',
      'is *',
    ],
    [
      'browsers bind cookies only',
      { ...session, DBSC: 'on' },
      'DBSC',
      'needs REFRESH_TOKEN_TRANSPORT=cookie',
    ],
    [
      'production asks the admin API over https',
      { ...production, ...session, MEMBERSTACK_ADMIN_URL: 'http://admin.example' },
      'MEMBERSTACK_ADMIN_URL',
      'is plain http',
    ],
    [
      'production refreshes over https',
      { ...production, ...forward, MEMBERSTACK_REFRESH_URL: 'http://10.0.0.1/r' },
      'MEMBERSTACK_REFRESH_URL',
      'is plain http',
    ],
    [
      'production reads keys over https',
      { ...production, ...forward, MEMBERSTACK_JWKS: '', MEMBERSTACK_JWKS_URI: 'http://keys.example' },
      'MEMBERSTACK_JWKS_URI',
      'pin the keys',
    ],
  ]

  it.each(cases)('%s', (_rule, env, name, problem) => {
    const refusal = refusalOf(env)
    expect(refusal).toMatch(new RegExp(`^${name} `))
    expect(refusal).toContain(problem)
    expect(refusal).toContain('A good example:')
  })

  it('allow plain http to a loopback address, in production too', () => {
    for (const host of ['127.0.0.1:1', 'localhost:1', '[::1]:1']) {
      const env = { ...production, ...forward, MEMBERSTACK_REFRESH_URL: `http://${host}/r` }
      expect(read(env).memberstack).toMatchObject({ refreshUrl: `http://${host}/r` })
    }
    expect(
      refusalOf({ ...production, ...forward, MEMBERSTACK_REFRESH_URL: 'http://127.0.0.1.evil.example/r' }),
    ).toContain('plain http')
  })

  it('allow plain http in development, and cookies for named origins', () => {
    expect(refusalOf({ ...session, MEMBERSTACK_ADMIN_URL: 'http://192.168.0.2' })).toBe('started')
    expect(
      refusalOf({ ...session, REFRESH_TOKEN_TRANSPORT: 'cookie', CORS_ORIGIN: 'https://a.example' }),
    ).toBe('started')
    expect(refusalOf({ ...session, CORS_ORIGIN: '*' })).toBe('started')
  })
})

describe('a connection without TLS, in production', () => {
  const plain = (env: Record<string, string>) => read({ ...production, ...session, ...env }).plainConnections

  it.each<[string, Record<string, string>, string]>([
    ['Redis', { STORE_URL: 'redis://:hush@10.0.0.5:6379' }, 'STORE_URL connects to Redis at 10.0.0.5'],
    [
      'the second node of a Cluster',
      { STORE_URL: 'redis://127.0.0.1:7000?cluster&node=10.0.0.6:7001' },
      'STORE_URL connects to Redis at 10.0.0.6',
    ],
    [
      'PostgreSQL',
      { STORE_URL: 'postgres://u:hush@db.example.com/app' },
      'STORE_URL connects to PostgreSQL at',
    ],
    ['Sentry', { SENTRY_DSN: 'http://hush@sentry.example.com/1' }, 'SENTRY_DSN is a plain http address'],
    [
      'PostHog',
      { POSTHOG_API_KEY: 'hush', POSTHOG_HOST: 'http://posthog.example.com' },
      'POSTHOG_HOST is a plain http address',
    ],
    [
      'the issuer, below which other programs find the keys',
      { PERENNIAL_ISSUER: 'http://auth.example.com' },
      'PERENNIAL_ISSUER is a plain http address',
    ],
    [
      'pages that use cookies',
      { REFRESH_TOKEN_TRANSPORT: 'cookie', CORS_ORIGIN: 'https://a.example,http://b.example' },
      'CORS_ORIGIN has http://b.example',
    ],
  ])('is named: %s', (_name, env, line) => {
    const lines = plain(env)
    expect(lines).toEqual([expect.stringContaining(line)])
    expect(lines.join()).not.toContain('hush')
  })

  it.each<[string, Record<string, string>]>([
    ['TLS', { STORE_URL: 'rediss://10.0.0.5', SENTRY_DSN: 'https://k@sentry.example.com/1' }],
    ['loopback addresses', { STORE_URL: 'redis://[::1]:6379', SENTRY_DSN: 'http://k@localhost:9000/1' }],
    ['PostgreSQL with TLS', { STORE_URL: 'postgres://db.example.com/app?sslmode=require' }],
    ['an issuer over https, or on this machine', { PERENNIAL_ISSUER: 'http://localhost:8787' }],
    ['a Unix socket', { STORE_URL: 'postgres:///app?host=/run/postgresql' }],
    ['a loopback address by its number', { STORE_URL: 'redis://127.0.0.1:6379' }],
    ['pages that get tokens in bodies', { CORS_ORIGIN: 'http://b.example' }],
    ['PostHog that is not used', { POSTHOG_HOST: 'http://posthog.example.com' }],
  ])('is not named: %s', (_name, env) => {
    expect(plain(env)).toEqual([])
  })

  it('is allowed in development', () => {
    expect(read({ STORE_URL: 'redis://10.0.0.5' }).plainConnections).toEqual([])
  })
})

describe('a setting that is probably a mistake', () => {
  it('causes a warning, without its value', () => {
    const env = {
      PERENNIAL_SECRETS: 'hush-hush',
      RATE_LIMIT_PER_MINUTE: '3',
      REQUIRED_PLAN: 'pln_gold',
      TRUST_PROXIES: '1',
      POSTHOG_HOST: 'https://eu.i.posthog.com',
      SESSION_IDLE_SECONDS: '60',
      STORE_URI: 'redis://hush',
    }
    const { warnings } = read(env)
    expect(warnings.map((line) => line.split(' ')[0])).toEqual([
      'PERENNIAL_SECRETS',
      'RATE_LIMIT_PER_MINUTE',
      'REQUIRED_PLAN',
      'TRUST_PROXIES',
      'STORE_URI',
      'SESSION_IDLE_SECONDS',
      'POSTHOG_HOST',
    ])
    expect(warnings.join()).not.toContain('hush')
  })

  it('is never a variable of other programs', () => {
    const env = {
      SESSION_MANAGER: 'x',
      PERENNIAL_SERVICE_HOST: '10.0.0.1',
      PERENNIAL_PORT_8787_TCP_ADDR: '10.0.0.1',
      PATH: '/bin',
      FTP_PROXY: 'x',
      ALL_PROXY: 'x',
    }
    expect(read(env).warnings).toEqual([])
  })

  it('is an idle limit above the maximum of a session', () => {
    const warningsOf = (idle: string) =>
      read({ SESSION_MAX_SECONDS: '86400', SESSION_IDLE_SECONDS: idle }).warnings.join()
    expect(warningsOf('86401')).toMatch(/^SESSION_IDLE_SECONDS is above SESSION_MAX_SECONDS/)
    expect(warningsOf('86400')).toBe('')
    expect(read({ SESSION_MAX_SECONDS: '86400' }).warnings).toEqual([])
  })

  it('is an unknown NODE_ENV', () => {
    const warningsIn = (NODE_ENV: string) => read({ NODE_ENV }).warnings.join()
    for (const stage of ['prod', 'Production', 'staging'])
      expect(warningsIn(stage)).toMatch(/^NODE_ENV is not .* counts as development/)
    for (const stage of ['development', 'test', '']) expect(warningsIn(stage)).toBe('')
  })

  it('is a store in memory, in production', () => {
    expect(read({ ...production, ...session, STORE_URL: 'memory:' }).warnings.join()).toContain(
      'STORE_URL=memory:',
    )
  })
})

describe('.env.example', () => {
  const text = readFileSync(new URL('../../../../.env.example', import.meta.url), 'utf8')

  it('has every variable once, and no other', () => {
    const named = [...text.matchAll(/^#? ?([A-Z_]{4,})=/gm)].map((match) => match[1])
    expect(new Set(named)).toEqual(new Set(settingNames))
    expect(named).toHaveLength(settingNames.length)
  })

  it('is valid without changes', () => {
    expect(read(parseEnv(text)).memberstack).toEqual({ kind: 'emulator', port: 8788 })
  })

  it('states the real defaults', () => {
    const commented = text.slice(0, text.indexOf('# --- Memberstack')).replaceAll(/^# (?=[A-Z_]+=)/gm, '')
    expect(read(parseEnv(commented))).toEqual(read({}))
  })
})
