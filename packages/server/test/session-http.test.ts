import { DatabaseSync } from 'node:sqlite'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { call, claimsOf, exchange, me, pairOf, refresh, verdict, type Pair } from './kit/auth-calls.js'
import { startSessionWorld, type SessionWorld } from './kit/session-world.js'

let world: SessionWorld
const url = () => world.service.url
const start = async (env: Record<string, string> = {}) => {
  world = await startSessionWorld(env)
}
afterEach(() => world.close())

async function memberToken(request: Parameters<SessionWorld['emulator']['issueTokens']>[0] = {}) {
  return (await world.emulator.issueTokens(request)).accessToken
}

async function signIn(request: Parameters<typeof memberToken>[0] = {}, headers = {}): Promise<Pair> {
  const answer = await exchange(url(), await memberToken(request), headers)
  expect(answer.status).toBe(201)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  return pairOf(answer)
}

const sessionIdOf = (accessToken: string) => String(claimsOf(accessToken)['sid'])
const refused = [401, 'AUTH_TOKEN_REFRESH_FAILED'] as const
const signOut = (options: Parameters<typeof call>[2]) =>
  call(url(), '/v1/auth/session', { method: 'DELETE', ...options })

describe('an exchange', () => {
  it('creates a session that identifies its member, refreshes and rotates', async () => {
    await start()
    const first = await signIn()
    expect((await me(url(), first.accessToken)).body).toMatchObject({
      userId: 'mem_ada',
      email: 'ada@example.com',
      roles: ['user', 'admin'],
      customFields: { 'first-name': 'Ada' },
    })
    const second = pairOf(await refresh(url(), first.refreshToken))
    expect(second.refreshToken).not.toBe(first.refreshToken)
    expect(sessionIdOf(second.accessToken)).toBe(sessionIdOf(first.accessToken))
    expect((await me(url(), second.accessToken)).status).toBe(200)
  })

  it('also reads the member JWT from x-memberstack-token, and creates a new session each time', async () => {
    await start()
    const token = await memberToken()
    const headers = { 'x-memberstack-token': token }
    const once = pairOf(await call(url(), '/v1/auth/session', { method: 'POST', headers }))
    const twice = pairOf(await exchange(url(), token))
    expect(sessionIdOf(once.accessToken)).not.toBe(sessionIdOf(twice.accessToken))
  })

  it('never reads a token from the URL', async () => {
    await start()
    const token = await memberToken()
    const query = `?token=${token}&memberToken=${token}&access_token=${token}`
    const answer = await call(url(), `/v1/auth/session${query}`, { method: 'POST' })
    expect(verdict(answer)).toEqual([401, 'AUTH_TOKEN_MISSING'])
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="perennial"')
  })

  it('refuses everything that is not a member JWT of this app, with one code per reason', async () => {
    await start()
    const { accessToken } = await signIn()
    const good = await memberToken()
    const [header = '', payload = '', signature = ''] = good.split('.')
    const cases: [string, string, string][] = [
      ['an access token of ours', accessToken, 'AUTH_TOKEN_INVALID'],
      [
        'another signature',
        `${header}.${payload}.${signature.split('').toReversed().join('')}`,
        'AUTH_TOKEN_INVALID',
      ],
      ['another app', await memberToken({ claims: { aud: 'app_other' } }), 'AUTH_TOKEN_INVALID'],
      [
        'another issuer',
        await memberToken({ claims: { iss: 'https://evil.example' } }),
        'AUTH_TOKEN_INVALID',
      ],
      ['rubbish', 'rubbish', 'AUTH_TOKEN_INVALID'],
      [
        'an old one',
        await memberToken({ issuedSecondsAgo: 100, expiresInSeconds: -1 }),
        'AUTH_TOKEN_EXPIRED',
      ],
    ]
    for (const [what, token, code] of cases) {
      const answer = await exchange(url(), token)
      expect([what, ...verdict(answer)]).toEqual([what, 401, code])
      expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
      expect(answer.text).not.toContain(token)
    }
  })

  it('accepts a member JWT of any age unless SIGN_IN_MAX_AGE_SECONDS limits it', async () => {
    await start()
    const old = { issuedSecondsAgo: 7 * 86_400, expiresInSeconds: 86_400 }
    await signIn(old)
    await world.restart({ SIGN_IN_MAX_AGE_SECONDS: '300' })
    expect(verdict(await exchange(url(), await memberToken(old)))).toEqual([401, 'AUTH_TOKEN_EXPIRED'])
    await signIn({ issuedSecondsAgo: 200 })
  })

  it('refuses a member that no longer exists', async () => {
    await start()
    const token = await memberToken()
    world.emulator.setWebhookUrl(null)
    world.emulator.deleteMember('mem_ada')
    expect(verdict(await exchange(url(), token))).toEqual([401, 'AUTH_USER_CONTEXT_INVALID'])
  })

  it('refuses a member without a required plan, and accepts one with it', async () => {
    await start({ REQUIRED_PLANS: 'pln_gold,pln_silver' })
    const token = await memberToken()
    expect(verdict(await exchange(url(), token))).toEqual([403, 'AUTH_ROLE_INSUFFICIENT'])
    world.emulator.addPlan('mem_ada', 'pln_bronze')
    expect(verdict(await exchange(url(), token))).toEqual([403, 'AUTH_ROLE_INSUFFICIENT'])
    world.emulator.addPlan('mem_ada', 'pln_silver')
    expect((await exchange(url(), token)).status).toBe(201)
  })
})

describe('a member JWT', () => {
  it('is AUTH_TOKEN_INVALID everywhere but at the exchange', async () => {
    await start()
    const token = await memberToken()
    const { accessToken } = await signIn()
    const id = sessionIdOf(accessToken)
    const routes: [string, string][] = [
      ['GET', '/v1/auth/me'],
      ['GET', '/v1/auth/sessions'],
      ['DELETE', '/v1/auth/sessions'],
      ['DELETE', `/v1/auth/sessions/${id}`],
      ['DELETE', '/v1/auth/session'],
    ]
    for (const [method, path] of routes)
      for (const headers of [{ authorization: `Bearer ${token}` }, { 'x-memberstack-token': token }]) {
        const answer = await call(url(), path, { method, headers })
        expect([method, path, ...verdict(answer)]).toEqual([method, path, 401, 'AUTH_TOKEN_INVALID'])
      }
    expect(verdict(await refresh(url(), token))).toEqual(refused)
    expect((await me(url(), accessToken)).status).toBe(200)
  })
})

describe('the end of a session', () => {
  beforeEach(() => start())

  it('refuses its access tokens at the next request, and its refresh tokens', async () => {
    const first = await signIn()
    const second = pairOf(await refresh(url(), first.refreshToken))
    expect((await signOut({ token: second.accessToken })).status).toBe(204)
    for (const { accessToken } of [first, second]) {
      const answer = await me(url(), accessToken)
      expect(verdict(answer)).toEqual([401, 'AUTH_TOKEN_REVOKED'])
      expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
    }
    expect(verdict(await refresh(url(), second.refreshToken))).toEqual(refused)
    await world.restart()
    expect(verdict(await me(url(), second.accessToken))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
  })

  it('needs only its refresh token, of any generation, and is no reuse', async () => {
    const first = await signIn()
    const second = pairOf(await refresh(url(), first.refreshToken))
    await me(url(), second.accessToken)
    expect((await signOut({ json: { refreshToken: first.refreshToken } })).status).toBe(204)
    expect(verdict(await me(url(), second.accessToken))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
    // The store says why it ended.
    const database = new DatabaseSync(world.storePath, { readOnly: true })
    const row = database
      .prepare('SELECT end_reason FROM sessions WHERE id = ?')
      .get(sessionIdOf(first.accessToken))
    database.close()
    expect(row?.['end_reason']).toBe('sign_out')
  })

  it('is 204 whatever the refresh token is, and 401 with nothing at all', async () => {
    const kept = await signIn()
    const gone = await signIn()
    await signOut({ token: gone.accessToken })
    const garbage: unknown[] = [
      'garbage',
      'x'.repeat(5000),
      17,
      null,
      '',
      gone.refreshToken,
      kept.accessToken,
    ]
    for (const refreshToken of garbage) {
      const answer = await signOut({ json: { refreshToken } })
      expect([answer.status, answer.text]).toEqual([204, ''])
    }
    expect(verdict(await signOut({}))).toEqual([401, 'AUTH_TOKEN_MISSING'])
    expect((await me(url(), kept.accessToken)).status).toBe(200)
    expect((await refresh(url(), kept.refreshToken)).status).toBe(200)
  })

  it('refuses every kind of bad refresh token with the same answer', async () => {
    const ended = await signIn()
    await signOut({ token: ended.accessToken })
    const stolen = await signIn()
    pairOf(await refresh(url(), pairOf(await refresh(url(), stolen.refreshToken)).refreshToken))
    const last = stolen.refreshToken.endsWith('A') ? 'B' : 'A'
    const forged = stolen.refreshToken.slice(0, -1) + last
    const bad = ['garbage', forged, ended.refreshToken, ended.accessToken]
    const answers = await Promise.all(bad.map((token) => refresh(url(), token)))
    for (const answer of answers) {
      expect(verdict(answer)).toEqual(refused)
      expect(answer.body['retryable']).toBe(false)
      expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
    }
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  })
})

describe('the list of sessions', () => {
  beforeEach(() => start())

  it('shows the live ones of this member, newest first, and marks the current one', async () => {
    await signIn({ memberId: 'mem_bob' })
    const phone = await signIn({}, { 'user-agent': 'Phone' })
    const laptop = await signIn({}, { 'user-agent': 'L'.repeat(2000) })
    const gone = await signIn()
    await signOut({ token: gone.accessToken })
    const { status, headers, body } = await call(url(), '/v1/auth/sessions', { token: phone.accessToken })
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store'])
    const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    const times = { createdAt: instant, lastUsedAt: instant }
    for (const { createdAt, lastUsedAt } of Object(body).sessions) {
      const issuedAt = Number(claimsOf(phone.accessToken)['iat'])
      expect(Math.abs(Date.parse(createdAt) / 1000 - issuedAt)).toBeLessThan(60)
      expect(lastUsedAt).toBe(createdAt)
    }
    expect(body).toEqual({
      sessions: [
        { id: sessionIdOf(laptop.accessToken), ...times, userAgent: 'L'.repeat(256), current: false },
        { id: sessionIdOf(phone.accessToken), ...times, userAgent: 'Phone', current: true },
      ],
    })
  })

  it('ends a session of this member, and answers 404 for another member’s, an unknown and a malformed id', async () => {
    const his = await signIn({ memberId: 'mem_bob' })
    const phone = await signIn()
    const laptop = await signIn()
    const end = (id: string) =>
      call(url(), `/v1/auth/sessions/${id}`, { method: 'DELETE', token: laptop.accessToken })
    const hisId = sessionIdOf(his.accessToken)
    const unknownId = Buffer.alloc(16, 7).toString('base64url')
    const answers = await Promise.all([hisId, unknownId, 'x', '%00', `${hisId}%20`].map(end))
    for (const answer of answers) expect(verdict(answer)).toEqual([404, 'AUTH_NOT_FOUND'])
    expect(new Set(answers.slice(0, 2).map(({ text }) => text)).size).toBe(1)
    expect((await me(url(), his.accessToken)).status).toBe(200)

    expect((await end(sessionIdOf(phone.accessToken))).status).toBe(204)
    expect(verdict(await me(url(), phone.accessToken))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
    expect((await me(url(), laptop.accessToken)).status).toBe(200)
  })
})

describe('signing out everywhere', () => {
  beforeEach(() => start())

  it('ends every session of the member and refuses earlier member JWTs, also after a restart', async () => {
    const earlier = await memberToken({ issuedSecondsAgo: 10 })
    const justBefore = await memberToken({ issuedSecondsAgo: 2 })
    const his = await signIn({ memberId: 'mem_bob' })
    const mine = [await signIn(), await signIn()] as const
    const everywhere = await call(url(), '/v1/auth/sessions', {
      method: 'DELETE',
      token: mine[0].accessToken,
    })
    expect(everywhere.status).toBe(204)
    const checks = async () => {
      for (const { accessToken, refreshToken } of mine) {
        expect(verdict(await me(url(), accessToken))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
        expect(verdict(await refresh(url(), refreshToken))).toEqual(refused)
      }
      for (const token of [earlier, justBefore])
        expect(verdict(await exchange(url(), token))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
      expect((await me(url(), his.accessToken)).status).toBe(200)
    }
    await checks()
    await world.restart()
    await checks()
    // One that was issued in that second or later is a new sign-in; four seconds ahead is within the clock tolerance.
    await signIn()
    await signIn({ issuedSecondsAgo: -4 })
  })
})

describe('membership, read again at every refresh', () => {
  it('refuses a deleted member’s next refresh and ends the session, without any webhook', async () => {
    await start()
    const { accessToken, refreshToken } = await signIn()
    world.emulator.setWebhookUrl(null)
    world.emulator.deleteMember('mem_ada')
    expect(verdict(await refresh(url(), refreshToken))).toEqual(refused)
    expect(verdict(await me(url(), accessToken))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
  })

  it('refuses the refresh of a member who lost the last required plan, and ends the session', async () => {
    await start({ REQUIRED_PLANS: 'pln_gold,pln_silver' })
    world.emulator.setWebhookUrl(null)
    world.emulator.addPlan('mem_ada', 'pln_gold')
    world.emulator.addPlan('mem_ada', 'pln_silver')
    const first = await signIn()
    world.emulator.removePlan('mem_ada', 'pln_gold')
    const second = pairOf(await refresh(url(), first.refreshToken))
    world.emulator.updatePlan('mem_ada', 'pln_silver', { active: false, status: 'PAST_DUE' })
    expect(verdict(await refresh(url(), second.refreshToken))).toEqual(refused)
    expect(verdict(await me(url(), second.accessToken))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
  })

  it('puts changes of the member into the next access token', async () => {
    await start()
    const { refreshToken } = await signIn()
    world.emulator.setWebhookUrl(null)
    world.emulator.updateMember('mem_ada', { permissions: ['user'] })
    const { accessToken } = pairOf(await refresh(url(), refreshToken))
    expect((await me(url(), accessToken)).body).toMatchObject({ roles: ['user'] })
  })
})

describe('an access token', () => {
  it('lives an hour at most, and never longer than its session', async () => {
    await start()
    const cases = [
      { expiresInSeconds: 1_209_600, most: 3600 },
      { expiresInSeconds: 600, most: 600 },
    ]
    for (const { expiresInSeconds, most } of cases) {
      const token = await memberToken({ expiresInSeconds })
      const first = pairOf(await exchange(url(), token))
      const second = pairOf(await refresh(url(), first.refreshToken))
      for (const { accessToken } of [first, second]) {
        const { iat, exp } = claimsOf(accessToken)
        expect(Number(exp) - Number(iat)).toBeLessThanOrEqual(most)
        expect(Number(exp) - Number(iat)).toBeGreaterThan(most - 30)
        expect(Number(exp)).toBeLessThanOrEqual(Number(claimsOf(token)['exp']))
      }
    }
    await world.restart({ SESSION_MAX_SECONDS: '120' })
    const { accessToken } = await signIn()
    const { iat, exp } = claimsOf(accessToken)
    expect(Number(exp) - Number(iat)).toBeLessThanOrEqual(120)
  })

  it('can be verified offline with the published key set', async () => {
    await start()
    const { accessToken } = await signIn()
    const keySet = createRemoteJWKSet(new URL(`${url()}/.well-known/jwks.json`))
    const expected = {
      issuer: 'perennial',
      audience: world.emulator.appId,
      typ: 'at+jwt',
      algorithms: ['ES256'],
    }
    const { payload, protectedHeader } = await jwtVerify(accessToken, keySet, expected)
    expect(payload).toMatchObject({ sub: 'mem_ada', email: 'ada@example.com', roles: ['user', 'admin'] })
    expect(payload.jti).toEqual(expect.any(String))
    expect(protectedHeader.kid).toEqual(expect.any(String))
    const published = await call(url(), '/.well-known/jwks.json')
    expect(published.text).not.toMatch(/"d":/)
    // Still so once the service was started anew.
    await world.restart()
    const reread = createRemoteJWKSet(new URL(`${url()}/.well-known/jwks.json`))
    expect((await jwtVerify(accessToken, reread, expected)).payload.sub).toBe('mem_ada')
  })
})

describe('one refresh token at once', () => {
  it('causes one rotation for 1,000 callers, and all get the same refresh token, within the default limits', async () => {
    await start({
      RATE_LIMIT_IP_PER_MINUTE: '100',
      RATE_LIMIT_IP_TOTAL_PER_MINUTE: '3000',
      RATE_LIMIT_SESSION_PER_MINUTE: '10',
    })
    const first = await signIn()
    const answers = await Promise.all(Array.from({ length: 1000 }, () => refresh(url(), first.refreshToken)))
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    const pairs = answers.map(pairOf)
    expect(new Set(pairs.map(({ refreshToken }) => refreshToken)).size).toBe(1)
    const database = new DatabaseSync(world.storePath, { readOnly: true })
    const row = database
      .prepare('SELECT generation, ended_at FROM sessions WHERE id = ?')
      .get(sessionIdOf(first.accessToken))
    database.close()
    expect({ ...row }).toEqual({ generation: 2, ended_at: null })
    const [pair] = pairs
    expect((await me(url(), pair?.accessToken ?? '')).status).toBe(200)
    expect((await refresh(url(), pair?.refreshToken)).status).toBe(200)
  })
})
