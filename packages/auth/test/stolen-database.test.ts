import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSessionSource } from '../src/refresh/session-source.js'
import { createSecrets, type Secrets } from '../src/base/secrets.js'
import { beginSession, createSessionEnder, formatRefreshToken } from '../src/sessions/index.js'
import { openSqliteStore } from '../src/stores/sqlite/store.js'
import { createFakeTime } from './kit/fake-time.js'
import type { ClaimedStore } from '../src/stores/index.js'
import { claimForTest, storeSession, noEpochs } from './kit/claimed-store.js'
import { silentTelemetry } from '../src/telemetry/events.js'
import { createAccessTokens, createSigningKeys, createTokenVerifier, ownIssuer } from '../src/tokens/index.js'

const directory = mkdtempSync(join(tmpdir(), 'perennial-'))
const path = join(directory, 'victim.db')
const copy = join(directory, 'stolen.db')
const secret = randomBytes(32)
const world = createFakeTime()
const secrets = createSecrets([secret], { appId: 'app_test', randomBytes })
const member = {
  userId: 'mem_ada',
  email: 'ada.lovelace@example.com',
  roles: ['admin'],
  customFields: { tier: 'gold-canary' },
  activePlanIds: [],
}

let store: ClaimedStore
let verify: (token: string) => Promise<unknown>
let refresh: (token: string) => Promise<string>
const tokens: string[] = []
/** Every value that can be read in the stolen file. */
let loot: string[]
let stolenSessions: { readonly id: string; readonly generation: number }[]

beforeAll(async () => {
  store = claimForTest(await openSqliteStore(path, world), secrets)
  const signingKeys = createSigningKeys({ store: store.signingKeys, secrets, clock: world.clock })
  await signingKeys.start()
  const names = { issuer: 'perennial', audience: 'app_test' }
  const accessTokens = createAccessTokens({ ...names, signingKeys, clock: world.clock, randomBytes })
  const issuers = [ownIssuer({ ...names, keySet: signingKeys.keySet })]
  const verifier = createTokenVerifier({ issuers, clock: world.clock })
  verify = async (token) => await verifier.verify(token)
  const seal = () => secrets.seal('member', 'mem_ada', JSON.stringify(member))
  const common = { store: store.sessions, telemetry: silentTelemetry, clock: world.clock }
  const source = createSessionSource({
    ...common,
    secrets,
    membership: {
      check: async () => ({ kind: 'member', member, readAt: world.now, sealedMember: seal() }),
      lastKnown: () => ({ member, readAt: world.now }),
      mayServe: () => true,
    },
    issueAccessToken: (subject) => accessTokens.issue(subject),
    ender: createSessionEnder({ ...common, epochs: noEpochs, revocations: { note: () => {} } }),
    isEnded: () => false,
    catchUp: () => null,
    graceSeconds: 30,
    idleSeconds: 604_800,
    dpopMode: 'refresh',
  })
  refresh = async (token) => {
    const outcome = await source.refresh(token, { requestId: 'req', spend: async () => {} })
    if (outcome.kind === 'refreshed') tokens.push(outcome.refreshToken ?? '', outcome.accessToken)
    return outcome.kind === 'refused' ? outcome.reason : outcome.kind
  }
  await live()
  steal()
})
afterAll(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

/** Some members live their sessions for a while. */
async function live(): Promise<void> {
  for (let member = 0; member < 3; member++) {
    const sessionId = randomBytes(16).toString('base64url')
    const now = world.now
    await storeSession(
      store.sessions,
      beginSession({
        id: sessionId,
        memberId: `mem_${member}`,
        userAgent: 'Browser/1.0',
        expiresAt: now + 1_209_600,
        sealedMember: secrets.seal('member', 'mem_ada', 'nothing yet'),
        now,
      }),
      now,
    )
    tokens.push(formatRefreshToken(secrets, { sessionId, generation: 1 }))
    for (let generation = 1; generation < 4; generation++) {
      expect(await refresh(formatRefreshToken(secrets, { sessionId, generation }))).toBe('refreshed')
      await store.sessions.confirm(sessionId, generation + 1, world.now)
    }
  }
}

/** The file and its log, while the service runs; the secret lies elsewhere. */
function steal(): void {
  for (const suffix of ['', '-wal']) {
    if (existsSync(`${path}${suffix}`)) copyFileSync(`${path}${suffix}`, `${copy}${suffix}`)
  }
  const database = new DatabaseSync(copy)
  const tables = database.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all()
  const rows = tables.flatMap(({ name }) => database.prepare(`SELECT * FROM ${String(name)}`).all())
  loot = [...new Set(rows.flatMap((row) => Object.values(row)).map(String))]
  stolenSessions = database
    .prepare('SELECT id, generation FROM sessions')
    .all()
    .map((row) => ({ id: String(row['id']), generation: Number(row['generation']) }))
  database.close()
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'accepted',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  )

describe('a copy of the database file', () => {
  it('was stolen whole, and the tokens are good', async () => {
    expect(stolenSessions).toHaveLength(3)
    expect(loot.length).toBeGreaterThan(20)
    expect(await codeOf(verify(tokens.at(-1) ?? ''))).toBe('accepted')
  })

  it('holds no token, no part of a token’s MAC or signature, no key, no secret and nothing of the member', () => {
    const bytes = Buffer.concat(
      ['', '-wal']
        .filter((suffix) => existsSync(`${path}${suffix}`))
        .map((suffix) => readFileSync(`${path}${suffix}`)),
    )
    const tail = (token: string) => token.slice(-40)
    const secretTexts = ['base64', 'base64url', 'hex', 'latin1'] as const
    const canaries = [
      ...tokens,
      ...tokens.map(tail),
      ...secretTexts.map((encoding) => secret.toString(encoding)),
      'PRIVATE KEY',
      '"d"',
      member.email,
      'gold-canary',
    ]
    expect(tokens.length).toBeGreaterThan(20)
    for (const canary of canaries) expect(bytes.includes(canary, 0, 'latin1'), canary).toBe(false)
  })

  it('has no value that is taken for a refresh token or an access token', async () => {
    const twisted = loot.flatMap((value) => [
      value,
      Buffer.from(value).toString('base64url'),
      value.slice(0, 75),
    ])
    for (const value of twisted) {
      expect(await refresh(value)).toBe('malformed')
      expect(await codeOf(verify(value))).toBe('AUTH_TOKEN_INVALID')
    }
  })

  it('does not let anyone forge a refresh token with anything in it for a key', async () => {
    const keys = loot.flatMap((value) => [Buffer.from(value), Buffer.from(value, 'base64url')])
    let tried = 0
    for (const key of keys) {
      for (const token of forgeRefreshTokens(key)) {
        tried++
        expect(await refresh(token)).toBe('malformed')
      }
    }
    expect(tried).toBeGreaterThan(500)
  })

  it('does not give up the signing key or a member', async () => {
    const thieves = loot.map((value) => asSecrets(Buffer.from(value)))
    const sealed = loot.filter((value) => secrets.isSealedByCurrent(value))
    expect(sealed.length).toBeGreaterThanOrEqual(4)
    const contexts = ['', 'mem_ada', ...loot.slice(0, 5)]
    const opened = sealed.flatMap((text) =>
      thieves.flatMap((thief) =>
        contexts.flatMap((context) => [
          thief.unseal('signing-keys', context, text),
          thief.unseal('member', context, text),
        ]),
      ),
    )
    expect(opened.filter((text) => text !== null)).toEqual([])
  })

  it('does not let anyone forge an access token with the public key it holds', async () => {
    const publicJwk = loot.find((value) => value.includes('"kty"')) ?? ''
    const kid = loot.find((value) => publicJwk.includes(value) && value.length === 43) ?? 'kid'
    const times = { iat: world.now, exp: world.now + 3600 }
    const names = { iss: 'perennial', aud: 'app_test', sub: 'mem_0', jti: 'x', roles: ['admin'] }
    const claims = { ...names, ...times, sid: stolenSessions[0]?.id, gen: 4 }
    const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
    const head = (header: object) => `${encode({ typ: 'at+jwt', kid, ...header })}.${encode(claims)}`
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const ownJwk = publicKey.export({ format: 'jwk' })
    const signOwn = (signed: string) => {
      const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${signed}.${signature.toString('base64url')}`
    }
    const signMac = (signed: string, key: string) =>
      `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
    const forged = [
      `${head({ alg: 'none' })}.`,
      signMac(head({ alg: 'HS256' }), publicJwk),
      signOwn(head({ alg: 'ES256' })),
      signOwn(head({ alg: 'ES256', jwk: ownJwk })),
    ]
    for (const token of forged) expect(await codeOf(verify(token))).toBe('AUTH_TOKEN_INVALID')
  })
})

function asSecrets(value: Buffer): Secrets {
  return createSecrets([Buffer.concat([value, Buffer.alloc(32)]).subarray(0, 32)], {
    appId: 'app_test',
    randomBytes,
  })
}

function forgeRefreshTokens(key: Buffer): readonly string[] {
  return stolenSessions.slice(0, 2).flatMap(({ id: sessionId, generation }) =>
    [generation - 1, generation, generation + 1].flatMap((generation) => {
      const derived = formatRefreshToken(asSecrets(key), { sessionId, generation })
      // The same token under the victim's own key id, which every refresh token shows, with the key used as it is.
      const body = Buffer.from(formatRefreshToken(secrets, { sessionId, generation }), 'base64url').subarray(
        0,
        24,
      )
      const raw = Buffer.concat([body, createHmac('sha256', key).update(body).digest()]).toString('base64url')
      return [derived, raw]
    }),
  )
}
