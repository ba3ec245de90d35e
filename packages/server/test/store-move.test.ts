import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis, startRedis, type RedisServer } from '../../auth/test/kit/redis.js'
import { runCommand } from '../src/command-line.js'
import { call, claimsOf, exchange, me, pairOf, refresh, verdict, type Pair } from './kit/auth-calls.js'
import { makeFolder, startProcess, type ServiceProcess } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'

const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url))

describe.runIf(hasRedis())('a deployment that moves from SQLite to Redis', () => {
  const secret = newSecret()
  let folder: ReturnType<typeof makeFolder>
  let emulator: Emulator
  let redis: RedisServer
  let service: ServiceProcess | undefined
  let url: string
  let settings: Readonly<Record<string, string>>

  beforeAll(async () => {
    folder = makeFolder()
    ;[emulator, redis] = await Promise.all([
      startEmulator({ adminRequestsPerSecond: 1_000_000 }),
      startRedis(),
    ])
    await redis.admin.config('SET', 'requirepass', 'canary')
    settings = {
      ...settingsFor(emulator, join(folder.path, 'perennial.db')),
      PERENNIAL_SECRET: secret,
      // What is within its grace must still be so when a busy machine comes to it.
      REFRESH_GRACE_SECONDS: '600',
    }
  })
  afterAll(async () => {
    service?.child.kill('SIGKILL')
    await service?.ended()
    await emulator.close()
    await redis.remove()
    folder.remove()
  })

  const newStoreUrl = () => `redis://:canary@127.0.0.1:${redis.port}`
  async function start(changes: Readonly<Record<string, string>> = {}): Promise<void> {
    service = startProcess(folder.path, { ...settings, ...changes })
    url = (await service.waitFor(/Perennial listens on (http:\S+)/))[1] ?? ''
    emulator.setWebhookUrl(`${url}/v1/webhooks/memberstack`)
  }
  async function stop(): Promise<void> {
    service?.child.kill('SIGTERM')
    expect(await service?.ended()).toBe(0)
  }
  async function command(changes: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, [cli, 'store', 'move'], {
      cwd: folder.path,
      env: { ...settings, NEW_STORE_URL: newStoreUrl(), ...changes },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [printed, complaint, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    expect(printed + complaint).not.toContain('canary')
    expect(printed + complaint).not.toContain(secret)
    return { code, printed, complaint }
  }
  async function signIn(memberId = 'mem_ada'): Promise<Pair> {
    return pairOf(await exchange(url, (await emulator.issueTokens({ memberId })).accessToken))
  }
  const next = async ({ refreshToken }: Pair) => pairOf(await refresh(url, refreshToken))
  const refused = [401, 'AUTH_TOKEN_REFRESH_FAILED'] as const

  it('signs nobody out, lets nobody back in, and still finds a thief', { timeout: 60_000 }, async () => {
    await start()
    const asleep = await signIn()
    // Its answer got lost: nobody ever saw the successor.
    const lost = await signIn()
    const lostSuccessor = await next(lost)
    // A late tab: the successor was used, and the grace is not over.
    const late = await signIn()
    const lateSuccessor = await next(late)
    expect((await me(url, lateSuccessor.accessToken)).status).toBe(200)
    const signedOut = await signIn()
    await call(url, '/v1/auth/session', { method: 'DELETE', token: signedOut.accessToken })
    // A thief has its first token; three generations on, that is no late tab.
    const stolen = await signIn()
    let owner = stolen
    for (let turn = 0; turn < 3; turn += 1) {
      owner = await next(owner)
      expect((await me(url, owner.accessToken)).status).toBe(200)
    }
    // Found on SQLite already.
    const caught = await signIn()
    const caughtOwner = await next(await next(await next(caught)))
    expect(verdict(await refresh(url, caught.refreshToken))).toEqual(refused)
    // Signed out everywhere: an old copy of the member JWT opens no session.
    const { id: bob } = emulator.createMember({ email: 'bobby@example.com', password: 'perennial-demo' })
    const { accessToken: bobsMemberToken } = await emulator.issueTokens({
      memberId: bob,
      issuedSecondsAgo: 10,
    })
    const bobs = pairOf(await exchange(url, bobsMemberToken))
    const everywhere = await call(url, '/v1/auth/sessions', { method: 'DELETE', token: bobs.accessToken })
    expect(everywhere.status).toBe(204)
    emulator.updateMember('mem_ada', { customFields: { company: 'Difference Engines' } })
    await emulator.webhooksSettled()
    const messages = emulator.webhooks().map(({ id }) => id)
    const jwks = (await call(url, '/.well-known/jwks.json')).text

    const tooEarly = await command()
    expect([tooEarly.code, tooEarly.complaint]).toEqual([
      1,
      expect.stringMatching(/in use.*stop every service/),
    ])
    expect((await me(url, asleep.accessToken)).status).toBe(200)
    await stop()

    const wrongSecret = await command({ PERENNIAL_SECRET: newSecret() })
    expect([wrongSecret.code, wrongSecret.printed]).toEqual([1, ''])
    expect(wrongSecret.complaint).toMatch(/^PERENNIAL_SECRET is not the secret of this store: .*\n$/)
    const away = await command({ NEW_STORE_URL: 'redis://:canary@127.0.0.1:1' })
    expect([away.code, away.complaint]).toEqual([1, expect.stringContaining('does not accept the records')])
    const moved = await command()
    expect(moved.complaint).toBe('')
    expect(moved.code).toBe(0)
    expect(moved.printed).toMatch(/^sessions +7 copied +0 present before +0 expired/m)
    expect(moved.printed).toMatch(/^ended sessions +3 copied/m)
    expect(moved.printed).toMatch(/^refused sign-ins +1 copied/m)
    expect(moved.printed).toMatch(/^signing keys +1 copied/m)
    expect((await command()).printed).toMatch(/^sessions +0 copied +7 present before/m)

    await start({ STORE_URL: newStoreUrl() })
    expect((await call(url, '/.well-known/jwks.json')).text).toBe(jwks)
    // Access tokens signed before, and refresh tokens of every kind.
    for (const { accessToken } of [asleep, lostSuccessor, lateSuccessor, owner])
      expect((await me(url, accessToken)).status).toBe(200)
    const woken = await next(asleep)
    expect(claimsOf(woken.accessToken)['sid']).toBe(claimsOf(asleep.accessToken)['sid'])
    expect((await next(lost)).refreshToken).toBe(lostSuccessor.refreshToken)
    expect((await next(late)).refreshToken).toBe(lateSuccessor.refreshToken)
    expect((await next(lateSuccessor)).refreshToken).not.toBe(lateSuccessor.refreshToken)
    // Who was out is out.
    for (const { accessToken, refreshToken } of [signedOut, caughtOwner, bobs]) {
      expect(verdict(await me(url, accessToken))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
      expect(verdict(await refresh(url, refreshToken))).toEqual(refused)
    }
    expect((await exchange(url, bobsMemberToken)).status).toBe(401)
    // The thief comes, and is found.
    expect((await me(url, owner.accessToken)).status).toBe(200)
    expect(verdict(await refresh(url, stolen.refreshToken))).toEqual(refused)
    expect(verdict(await me(url, owner.accessToken))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
    expect(verdict(await refresh(url, owner.refreshToken))).toEqual(refused)
    // What Svix delivers once more counts as done.
    expect(messages).toHaveLength(2)
    for (const id of messages) expect(await redis.admin.exists(`perennial:webhook:{${id}}`)).toBe(1)
    const listed = await call(url, '/v1/auth/sessions', { token: woken.accessToken })
    expect(listed.body['sessions']).toHaveLength(3)
  })

  it('takes no address as an argument, and names the variable that is wrong', async () => {
    const run = async (changes: Readonly<Record<string, string>>, more: readonly string[] = []) => {
      const complaints: string[] = []
      const code = await runCommand(['store', 'move', ...more], {
        env: { ...settings, NEW_STORE_URL: newStoreUrl(), ...changes },
        input: Readable.from([]),
        isTerminal: false,
        readTextFile: () => '',
        print: (line) => void complaints.push(`printed ${line}`),
        printError: (line) => void complaints.push(line),
      })
      expect(complaints.join()).not.toContain('canary')
      return [code, complaints.join()]
    }
    expect(await run({}, ['--to', 'redis://:canary@127.0.0.1:1'])).toEqual([
      2,
      expect.stringContaining('visible in the process list'),
    ])
    const cases: readonly [Record<string, string>, RegExp][] = [
      [{ NEW_STORE_URL: '' }, /^NEW_STORE_URL is not set\. A good example: NEW_STORE_URL=redis:/],
      [{ NEW_STORE_URL: 'sqlite:x.db' }, /^NEW_STORE_URL is not a Redis or Postgres address/],
      [{ NEW_STORE_URL: 'canary' }, /^NEW_STORE_URL is not sqlite:<path>, memory:, redis:/],
      [{ STORE_URL: 'memory:' }, /^STORE_URL is not a SQLite file/],
      [{ STORE_URL: `sqlite:${folder.path}/typo.db` }, /^There is no store at sqlite:/],
      [{ PERENNIAL_SECRET: '' }, /^PERENNIAL_SECRET is not set.*Set it to the secret of the service/],
      [{ MEMBERSTACK_APP_ID: '' }, /^MEMBERSTACK_APP_ID/],
    ]
    for (const [changes, pattern] of cases)
      expect(await run(changes)).toEqual([1, expect.stringMatching(pattern)])
    writeFileSync(join(folder.path, 'perennial.db.secret'), '')
    expect(await run({ PERENNIAL_SECRET: '' })).toEqual([
      1,
      expect.stringContaining('PERENNIAL_SECRET="$(cat '),
    ])
  })
})
