import { setTimeout as sleep } from 'node:timers/promises'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis, startRedis, type RedisServer } from '../../auth/test/kit/redis.js'
import { call, exchange, me, pairOf, refresh, type Answer, type Pair } from './kit/auth-calls.js'
import { makeFolder, startProcess, type ServiceProcess } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'

/** `/readyz` answers within 3 s, and no call waits longer for Redis; the rest allows for a busy machine. */
const boundMs = 6_000

describe.runIf(hasRedis())('a service whose Redis is away', () => {
  let redis: RedisServer
  let emulator: Emulator
  let folder: ReturnType<typeof makeFolder>
  let running: ServiceProcess[]

  beforeEach(async () => {
    redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
    emulator = await startEmulator()
    folder = makeFolder()
    running = []
  })
  afterEach(async () => {
    for (const service of running) service.child.kill('SIGKILL')
    await Promise.all(running.map((service) => service.ended()))
    await emulator.close()
    await redis.remove()
    folder.remove()
  })

  const start = async (): Promise<string> => {
    const service = startProcess(folder.path, {
      ...settingsFor(emulator, ''),
      STORE_URL: redis.url,
      PERENNIAL_SECRET: newSecret(),
      LOG_LEVEL: 'info',
    })
    running.push(service)
    const [, url = ''] = await service.waitFor(/Perennial listens on (http:\S+)/)
    return url
  }
  const inTime = async (work: Promise<Answer>): Promise<Answer> => {
    const since = performance.now()
    const answer = await work
    expect(performance.now() - since).toBeLessThan(boundMs)
    return answer
  }
  const expectRetryable = (answer: Answer, code: string) => {
    expect([answer.status, answer.body]).toEqual([503, { error: expect.any(String), code, retryable: true }])
    expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  }
  const expectAway = async (url: string, { refreshToken }: Pair) => {
    expectRetryable(await inTime(call(url, '/readyz')), 'AUTH_UNAVAILABLE')
    expect((await inTime(call(url, '/healthz'))).status).toBe(200)
    for (const answer of await Promise.all([1, 2, 3].map(() => inTime(refresh(url, refreshToken)))))
      expectRetryable(answer, 'AUTH_TOKEN_REFRESH_FAILED')
    expectRetryable(
      await inTime(exchange(url, (await emulator.issueTokens()).accessToken)),
      'AUTH_UNAVAILABLE',
    )
    // What stood still for a while is not taken for one that lives.
    expectRetryable(await inTime(call(url, '/readyz')), 'AUTH_UNAVAILABLE')
    expect((await inTime(call(url, '/healthz'))).status).toBe(200)
  }
  /** No other request is made, so that nothing else can cause the recovery. */
  const untilReady = async (url: string) => {
    while ((await inTime(call(url, '/readyz'))).status !== 200) await sleep(20)
  }
  const expectBack = async (url: string, { refreshToken }: Pair) => {
    await untilReady(url)
    const next = pairOf(await refresh(url, refreshToken))
    expect((await me(url, next.accessToken)).status).toBe(200)
    expect((await refresh(url, next.refreshToken)).status).toBe(200)
  }
  /** However many requests the shared limits fail. */
  const expectLimitsTold = async (url: string) => {
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toContain('\nperennial_limits_counted_alone 1\n')
    const [service] = running
    await service?.waitFor(/"reason":"limits"/)
    expect(service?.output().match(/"reason":"limits"/g)).toHaveLength(1)
  }
  const signIn = async (url: string) =>
    pairOf(await exchange(url, (await emulator.issueTokens()).accessToken))

  it('at the start, and after a kill, is alive, not ready and retryable, and becomes ready again by itself', async () => {
    await redis.kill()
    const url = await start()
    expectRetryable(await inTime(call(url, '/readyz')), 'AUTH_UNAVAILABLE')
    expect((await inTime(call(url, '/healthz'))).status).toBe(200)
    await redis.start()
    await untilReady(url)
    const pair = await signIn(url)
    expect((await me(url, pair.accessToken)).status).toBe(200)
    await redis.kill()
    await expectAway(url, pair)
    expect((await me(url, pair.accessToken)).status).toBe(200)
    await redis.start()
    await expectBack(url, pair)
  })

  it('and stopped: is alive, not ready and retryable, and becomes ready again by itself', async () => {
    const url = await start()
    const pair = await signIn(url)
    redis.signal('SIGSTOP')
    await expectAway(url, pair)
    await expectLimitsTold(url)
    expect((await me(url, pair.accessToken)).status).toBe(200)
    redis.signal('SIGCONT')
    await expectBack(url, pair)
  })
})
