import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parseRefreshToken } from '../src/sessions/index.js'
import { createSecrets } from '../src/base/secrets.js'
import {
  closeAll,
  eventually,
  sharedSecret,
  startThree,
  toPair,
  type SharingInstance,
} from './kit/instances.js'
import { hasRedis, startRedis, type RedisServer } from './kit/redis.js'

const secrets = createSecrets([Buffer.from(sharedSecret, 'base64')], {
  appId: 'app_emulator',
  randomBytes: (length) => new Uint8Array(length),
})

describe.runIf(hasRedis())('three instances on one Redis', () => {
  let redis: RedisServer
  let emulator: Emulator
  let instances: readonly SharingInstance[] = []

  beforeAll(async () => {
    redis = await startRedis()
    emulator = await startEmulator()
  })
  afterAll(async () => {
    await emulator.close()
    await redis.remove()
  })
  beforeEach(async () => {
    await redis.admin.flushall()
    emulator.reset()
  })
  afterEach(async () => {
    await closeAll(instances)
    instances = []
  })

  const start = async (options: Parameters<typeof startThree>[2] = {}) => {
    const started = await startThree(emulator, redis.url, options)
    instances = started
    return started
  }
  const refreshTogether = (refreshToken: string) =>
    Promise.all(Array.from({ length: 100 }, () => instances.map((one) => one.refresh(refreshToken))).flat())

  it('make one rotation of 300 refreshes of one token at once, and all callers get one refresh token', async () => {
    const [one] = await start()
    const { refreshToken } = await one.signIn()
    const answers = await refreshTogether(refreshToken)

    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]))
    const successors = new Set(answers.map((answer) => String(answer.body['refreshToken'])))
    expect(successors.size).toBe(1)
    const [successor = ''] = successors
    expect(parseRefreshToken(secrets, successor)).toMatchObject({ generation: 2 })
  })

  it('make one upstream call of 300 refreshes of one token at once', async () => {
    await start({ mode: 'forward' })
    const { refreshToken } = await emulator.issueTokens()
    const answers = await refreshTogether(refreshToken)

    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]))
    expect(new Set(answers.map((answer) => answer.body['refreshToken'])).size).toBe(1)
    expect(emulator.calls()['POST /auth/refresh-token']).toBe(1)
  })

  it('all know within a second that a session ended at one of them', async () => {
    const [one, two, three] = await start()
    const { accessToken } = await one.signIn()
    expect((await two.me(accessToken)).status).toBe(200)
    expect((await three.me(accessToken)).status).toBe(200)

    expect((await one.signOutEverywhere(accessToken)).status).toBe(204)
    const since = performance.now()
    for (const other of [two, three])
      await eventually(async () => (await other.me(accessToken)).status === 401)
    expect(performance.now() - since).toBeLessThan(1_000)
    expect((await two.me(accessToken)).body).toMatchObject({ code: 'AUTH_TOKEN_REVOKED' })
  })

  it('hear of what was ended while they were cut off', async () => {
    const [one, two] = await start()
    const { accessToken } = await one.signIn()
    expect((await two.me(accessToken)).status).toBe(200)
    await redis.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await eventually(async () => (await one.signOutEverywhere(accessToken)).status === 204)

    await eventually(async () => (await two.me(accessToken)).status === 401)
  })

  it('count the requests of one address together', async () => {
    const [one, two, three] = await start({ rateLimits: { ipPerMinute: 6 } })
    for (const instance of [one, two, three, one, two, three]) {
      expect((await instance.refresh('garbage')).status).toBe(401)
    }
    for (const instance of [one, two, three]) expect((await instance.refresh('garbage')).status).toBe(429)
  })

  it('take two store round trips for a refresh', async () => {
    const [one] = await start()
    const first = await one.refresh((await one.signIn()).refreshToken)
    const monitor = await redis.admin.monitor()
    const commands: string[] = []
    monitor.on('monitor', (_time: string, args: readonly string[], source: string) => {
      const text = args.join(' ')
      // What a script does inside Redis is no round trip; limits and quota are not the store's.
      if (source !== 'lua' && text.includes('perennial:session')) commands.push(args[0] ?? '')
    })
    const pair = toPair(first.body)
    expect((await one.refresh(pair.refreshToken)).status).toBe(200)
    // Its own mark comes after everything before it.
    const marked = new Promise<void>((resolve) => {
      monitor.on('monitor', (_time: string, args: readonly string[]) => {
        if (args.includes('mark')) resolve()
      })
    })
    await redis.admin.echo('mark')
    await marked
    monitor.disconnect()
    expect(commands.map((name) => name.toLowerCase())).toEqual(['get', 'evalsha'])
  })

  it('keep no key for ever', async () => {
    const [one, two] = await start()
    const { accessToken, refreshToken } = await one.signIn()
    await two.refresh(refreshToken)
    await two.refresh('garbage')
    await one.signOutEverywhere(accessToken)
    const keys = await redis.admin.keys('*')
    expect(keys.length).toBeGreaterThan(6)
    // -1 says that it has no expiry.
    for (const key of keys) expect(await redis.admin.ttl(key), key).not.toBe(-1)
  })

  it('go on after the scripts were flushed', async () => {
    const [one] = await start()
    const { refreshToken } = await one.signIn()
    await redis.admin.script('FLUSH')
    expect((await one.refresh(refreshToken)).status).toBe(200)
  })
})
