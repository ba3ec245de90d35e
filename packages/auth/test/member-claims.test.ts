import { AuthError, createPerennial, type Perennial, type PerennialOptions } from '@perennial/auth'
import { authRouter } from '@perennial/auth/express'
import { startEmulator, type Emulator } from '@perennial/emulator'
import express from 'express'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startServer } from './kit/servers.js'
import { createRecorder } from './kit/recorder.js'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startEmulator({ adminRequestsPerSecond: 1000 })
})
afterAll(() => emulator.close())
afterEach(() => emulator.reset())

interface Answer {
  readonly status: number
  readonly body: { accessToken: string; refreshToken: string; code?: string; retryable?: boolean }
}

const memberstackOf = ({ appId, secretKey, adminUrl }: Emulator) => ({ appId, secretKey, adminUrl })

async function start(options: Partial<PerennialOptions>) {
  const perennial: Perennial = await createPerennial({
    store: 'memory:',
    memberstack: memberstackOf(emulator),
    ...options,
  })
  const app = express()
  app.use('/v1/auth', authRouter(perennial))
  const server = await startServer(app)
  onTestFinished(async () => {
    await server.close()
    await perennial.close()
  })
  const post = async (path: string, init: RequestInit): Promise<Answer> => {
    const answer = await fetch(`${server.origin}/v1/auth${path}`, { method: 'POST', ...init })
    return { status: answer.status, body: await answer.json() }
  }
  return {
    perennial,
    signIn: async () => {
      const { accessToken } = await emulator.issueTokens()
      return post('/session', { headers: { authorization: `Bearer ${accessToken}` } })
    },
    refresh: (refreshToken: string) => post('/refresh-token', { body: JSON.stringify({ refreshToken }) }),
  }
}

function claimsIn({ body }: Answer): Record<string, unknown> {
  return JSON.parse(Buffer.from(body.accessToken.split('.')[1] ?? '', 'base64url').toString())
}

describe('claimsOf', () => {
  it('adds claims of the member at each sign-in and refresh, also as a promise', async () => {
    let plan = 'free'
    const { perennial, signIn, refresh } = await start({
      claimsOf: async (member) => ({
        role: 'authenticated',
        app: { plan, company: member.customFields['company'] },
      }),
    })
    const first = await signIn()
    const app = { plan: 'free', company: 'Analytical Engines' }
    expect(claimsIn(first)).toMatchObject({ role: 'authenticated', app, sub: 'mem_ada' })
    plan = 'pro'
    const second = await refresh(first.body.refreshToken)
    expect(claimsIn(second)).toMatchObject({ role: 'authenticated', app: { ...app, plan: 'pro' } })
    const authorization = `Bearer ${second.body.accessToken}`
    const { claims, user } = await perennial.authenticate({ authorization, memberstackToken: undefined })
    expect(claims['role']).toBe('authenticated')
    expect(user).not.toHaveProperty('role')
  })

  it('gets the member with the active plans', async () => {
    const seen: unknown[] = []
    const { signIn } = await start({
      claimsOf: (member) => {
        seen.push(Object.keys(member).toSorted())
        return {}
      },
    })
    expect((await signIn()).status).toBe(201)
    expect(seen).toEqual([['activePlanIds', 'customFields', 'email', 'emailVerified', 'roles', 'userId']])
  })

  it('refuses the sign-in with the error that it throws', async () => {
    const claimsOf = () => {
      throw new AuthError('AUTH_ROLE_INSUFFICIENT', 'This member is suspended.')
    }
    const { signIn } = await start({ claimsOf })
    expect(await signIn()).toEqual({
      status: 403,
      body: { error: 'This member is suspended.', code: 'AUTH_ROLE_INSUFFICIENT' },
    })
  })

  it('refuses a refresh like any other refusal there, with the reason in the log alone', async () => {
    let suspended = false
    const telemetry = createRecorder()
    const { signIn, refresh } = await start({
      telemetry,
      claimsOf: async () => {
        if (suspended) throw new AuthError('AUTH_ROLE_INSUFFICIENT', 'This member is suspended.')
        return {}
      },
    })
    const { body } = await signIn()
    suspended = true
    const refused = await refresh(body.refreshToken)
    expect(refused.status).toBe(401)
    expect(refused.body).toMatchObject({ code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: false })
    expect(JSON.stringify(refused.body)).not.toContain('suspended')
    expect(telemetry.events.at(-1)).toMatchObject({ event: 'auth_failure', reason: 'claims_refused' })
  })

  it.each([
    [
      'a retryable AuthError',
      503,
      () => new AuthError('AUTH_UNAVAILABLE', 'No database.', { retryable: true }),
    ],
    ['another error', 500, () => new Error('a bug')],
  ])('costs no refresh token where it throws %s', async (_what, status, makeError) => {
    let fails = false
    const { signIn, refresh } = await start({
      claimsOf: () => {
        if (fails) throw makeError()
        return {}
      },
    })
    const { body } = await signIn()
    fails = true
    for (let attempt = 0; attempt < 3; attempt++)
      expect((await refresh(body.refreshToken)).status).toBe(status)
    fails = false
    const repaired = await refresh(body.refreshToken)
    expect(repaired.status).toBe(200)
    expect((await refresh(repaired.body.refreshToken)).status).toBe(200)
  })

  it.each([
    'iss',
    'sub',
    'aud',
    'exp',
    'nbf',
    'iat',
    'jti',
    'client_id',
    'cnf',
    'sid',
    'gen',
    'mra',
    'email',
    'roles',
    'customFields',
  ])('cannot set %s', async (name) => {
    const { signIn } = await start({ claimsOf: () => ({ [name]: 'x' }) })
    expect((await signIn()).status).toBe(500)
  })

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a list', ['role']],
    ['a text', 'role'],
    ['a date', { at: new Date() }],
    ['a big number', { at: 1n }],
    ['no number', { at: Number.NaN }],
    ['a function', { at: () => 1 }],
    ['undefined', { role: undefined }],
    ['an instance', new URLSearchParams()],
    ['a map', new Map([['role', 'x']])],
    ['a name of no characters', { '': 1 }],
    ['more than fits', { story: 'x'.repeat(3000) }],
  ])('cannot return %s', async (_what, claims) => {
    const { signIn } = await start({
      // Without its type, as in JavaScript.
      claimsOf: Object(() => claims),
    })
    expect((await signIn()).status).toBe(500)
  })

  it('leaves the token below 4096 characters, with the claims in it', async () => {
    emulator.updateMember('ada@example.com', { customFields: { story: 'y'.repeat(3000) } })
    const { signIn } = await start({ claimsOf: () => ({ story: 'x'.repeat(2000) }) })
    const answer = await signIn()
    expect(answer.body.accessToken.length).toBeLessThan(4096)
    expect(claimsIn(answer)).toMatchObject({ story: 'x'.repeat(2000), email: 'ada@example.com' })
    expect(claimsIn(answer)).not.toHaveProperty('customFields')
  })

  it('is refused at the start where it is no function, and in forward mode', async () => {
    const memberstack = memberstackOf(emulator)
    const base = { store: 'memory:', memberstack }
    await expect(createPerennial({ ...base, claimsOf: Object({ role: 'x' }) })).rejects.toThrow(
      'claimsOf is not a function',
    )
    const forward = { ...memberstack, refreshUrl: emulator.refreshUrl, jwksUri: emulator.jwksUri }
    await expect(createPerennial({ ...base, memberstack: forward, claimsOf: () => ({}) })).rejects.toThrow(
      'claimsOf works in session mode only',
    )
  })
})
