import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Perennial } from '../src/http/perennial.js'
import { createMemberstackApp, type MemberstackApp } from './kit/memberstack-app.js'
import { startRedis } from './kit/redis.js'
import { listen } from './kit/servers.js'

/** Delivers the webhooks of the app's emulator to an instance. */
async function receiveWebhooks(app: MemberstackApp, perennial: Perennial = app.perennial): Promise<void> {
  const { origin } = await listen((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      void perennial
        .handleWebhook({
          method: 'POST',
          path: '/',
          ip: '192.0.2.1',
          requestId: 'webhook',
          header: (name) => request.headers[name]?.toString(),
          readBody: async () => ({ kind: 'bytes', bytes: Buffer.concat(chunks) }),
        })
        .then(({ status }) => response.writeHead(status).end())
    })
  })
  app.emulator.setWebhookUrl(origin)
}

async function temporaryFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'perennial-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return `sqlite:${join(folder, 'perennial.db')}`
}

const me = (app: MemberstackApp, token: string) => app.call('GET /me', { token })
const refresh = (app: MemberstackApp, refreshToken: string) =>
  app.call('POST /refresh-token', { body: { refreshToken } })

const outdated = { status: 401, code: 'AUTH_TOKEN_EXPIRED' }

describe('a change of roles that a webhook reports', () => {
  it('takes effect at once, with one refresh and without a call for each request', async () => {
    const app = await createMemberstackApp()
    await receiveWebhooks(app)
    const { accessToken, refreshToken } = await app.signIn()
    expect((await me(app, accessToken)).body).toMatchObject({ roles: ['user', 'admin'] })
    app.emulator.updateMember('mem_ada', { permissions: ['user'] })
    await app.emulator.webhooksSettled()
    app.calls()
    for (let times = 0; times < 3; times++) expect(await me(app, accessToken)).toMatchObject(outdated)
    expect(app.calls()).toEqual({})
    const renewed = await refresh(app, refreshToken)
    expect(await me(app, renewed.accessToken)).toMatchObject({ status: 200, body: { roles: ['user'] } })
    expect(app.recorder.events).toContainEqual(expect.objectContaining({ reason: 'member_changed' }))
  })

  it('is seen for plans, by the events of plans and teams', async () => {
    const app = await createMemberstackApp()
    await receiveWebhooks(app)
    const team = app.emulator.createTeam({ owner: 'mem_bob', planId: 'pln_team' })
    const steps: [() => unknown, string[]][] = [
      [() => app.emulator.addPlan('mem_ada', 'pln_pro'), ['user', 'admin', 'pln_pro']],
      [() => app.emulator.updatePlan('mem_ada', 'pln_pro', { active: false }), ['user', 'admin']],
      [() => app.emulator.addTeamMember(team.id, 'mem_ada'), ['user', 'admin', 'pln_team']],
      [() => app.emulator.removeTeamMember(team.id, 'mem_ada'), ['user', 'admin']],
    ]
    let session = await app.signIn()
    for (const [change, roles] of steps) {
      change()
      await app.emulator.webhooksSettled()
      expect(await me(app, session.accessToken)).toMatchObject(outdated)
      session = await refresh(app, session.refreshToken)
      expect(await me(app, session.accessToken)).toMatchObject({ status: 200, body: { roles } })
    }
  })

  it('is none where only custom fields or the address have changed', async () => {
    const app = await createMemberstackApp()
    await receiveWebhooks(app)
    const { accessToken } = await app.signIn()
    app.emulator.updateMember('mem_ada', { customFields: { company: 'x' } })
    app.emulator.updateMember('mem_ada', { email: 'new@example.com' })
    await app.emulator.webhooksSettled()
    expect(await me(app, accessToken)).toMatchObject({ status: 200 })
  })

  it('leaves other members alone, and expires every session of this one', async () => {
    const app = await createMemberstackApp()
    await receiveWebhooks(app)
    const [phone, laptop, bob] = [await app.signIn(), await app.signIn(), await app.signIn('mem_bob')]
    app.emulator.updateMember('mem_ada', { permissions: ['user'] })
    await app.emulator.webhooksSettled()
    for (const { accessToken } of [phone, laptop]) expect(await me(app, accessToken)).toMatchObject(outdated)
    expect(await me(app, bob.accessToken)).toMatchObject({ status: 200 })
  })

  it('is not served from before by a replay of the refresh token, or by a page load', async () => {
    const app = await createMemberstackApp()
    await receiveWebhooks(app)
    const { refreshToken } = await app.signIn()
    await refresh(app, refreshToken)
    app.emulator.updateMember('mem_ada', { permissions: ['user'] })
    await app.emulator.webhooksSettled()
    const replayed = await refresh(app, refreshToken)
    expect(await me(app, replayed.accessToken)).toMatchObject({ status: 200, body: { roles: ['user'] } })
  })

  it('is not served from before while the admin API is down', async () => {
    const app = await createMemberstackApp({ emulator: { webhookRetrySeconds: [] } })
    await receiveWebhooks(app)
    const { refreshToken } = await app.signIn()
    app.emulator.setFault({ route: 'GET /members/:idOrEmail', status: 503, times: 3 })
    expect(await refresh(app, refreshToken)).toMatchObject({ status: 200 })
    app.emulator.updateMember('mem_ada', { permissions: ['user'] })
    await app.emulator.webhooksSettled()
    expect(await refresh(app, refreshToken)).toMatchObject({ status: 503 })
    expect(await refresh(app, refreshToken)).toMatchObject({ status: 200 })
  })
})

describe('a change of roles on several instances', () => {
  async function expireEverywhere(store: string): Promise<void> {
    const one = await createMemberstackApp({ store })
    const { adminUrl, issuer, webhookSecret } = one.emulator
    const memberstack = { adminUrl, issuer, webhookSecret }
    const two = await createMemberstackApp({ store, memberstack })
    await receiveWebhooks(one, two.perennial)
    const { accessToken, refreshToken } = await one.signIn()
    for (const app of [one, two]) expect(await me(app, accessToken)).toMatchObject({ status: 200 })
    one.emulator.updateMember('mem_ada', { permissions: ['user'] })
    await one.emulator.webhooksSettled()
    expect(await me(two, accessToken)).toMatchObject(outdated)
    await expect.poll(() => me(one, accessToken), { timeout: 2_000, interval: 50 }).toMatchObject(outdated)
    const renewed = await refresh(one, refreshToken)
    for (const app of [one, two])
      expect(await me(app, renewed.accessToken)).toMatchObject({ status: 200, body: { roles: ['user'] } })
    const three = await createMemberstackApp({ store, memberstack })
    expect(await me(three, accessToken)).toMatchObject(outdated)
    expect(await me(three, renewed.accessToken)).toMatchObject({ status: 200 })
  }

  it('is known to all within 2 s through a SQLite file, and after a restart', async () => {
    await expireEverywhere(await temporaryFile())
  })

  it('is known to all within 2 s through Redis, and after a restart', async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.remove())
    await expireEverywhere(redis.url)
  })
})
