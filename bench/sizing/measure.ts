import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis, type RedisServer } from '../../packages/auth/test/redis-server.js'
import { memberTokenOf } from '../session-cost/in-process-memberstack.ts'
import { startAdminApi, type AdminApi } from './admin-api.ts'
import { monitored, commandCounts, readFigure, redisCpuSeconds } from './redis-figures.ts'
import { seedSessions } from './seed-sessions.ts'
import { startServiceProcess, type ServiceProcess } from './service-process.ts'
import type { Measured } from './size-of.ts'

/** What was measured, and how it is made up. */
export interface Measurement extends Measured {
  readonly redisVersion: string
  /** What a refresh and the first use of its access token send, by what it is for. */
  readonly sent: Readonly<Record<'store' | 'limits' | 'quota' | 'confirmation', number>>
  /** Commands that run inside Redis for it, those of scripts included. */
  readonly inside: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Of the refreshes that were all at once, how many a second asked the admin API. */
  readonly askedPerSecond: number
  readonly refreshesPerSecond: number
}

const counted = 20
const askedPerSecond = 20
const atOnce = 500

interface World {
  readonly redis: RedisServer
  readonly adminApi: AdminApi
  readonly service: ServiceProcess
  /** Refresh tokens of sessions that nobody has refreshed yet. */
  readonly take: () => string
}

/** Measures on a real Redis and the real service, each in a process of its own. */
export async function measure(sessions: number, refreshes: number): Promise<Measurement> {
  const redis = await startRedis()
  const adminApi = await startAdminApi()
  try {
    const secret = randomBytes(32).toString('base64')
    const before = await readFigure(redis.admin, 'memory', 'used_memory')
    const tokens = (await seedSessions(redis.url, secret, sessions)).values()
    const bytes = (await readFigure(redis.admin, 'memory', 'used_memory')) - before
    await turnDurable(redis)
    const service = await startServiceProcess({ storeUrl: redis.url, adminUrl: adminApi.url, secret })
    const take = () => {
      const next = tokens.next()
      if (next.done === true) throw new TypeError('--sessions must be more than --refreshes')
      return next.value
    }
    try {
      const world = { redis, adminApi, service, take }
      return { bytesPerSession: bytes / sessions, ...(await measureService(world, refreshes)) }
    } finally {
      await service.close()
    }
  } finally {
    adminApi.close()
    await redis.remove()
  }
}

/** As operators run it. Only now: a log that grows while Redis is filled is written anew by a copy of the process. */
async function turnDurable({ admin }: RedisServer): Promise<void> {
  await admin.config('SET', 'appendonly', 'yes')
  const isWriting = async () =>
    (await readFigure(admin, 'persistence', 'aof_rewrite_in_progress')) +
      (await readFigure(admin, 'persistence', 'aof_rewrite_scheduled')) >
    0
  while (await isWriting()) await sleep(100)
}

async function measureService(
  world: World,
  refreshes: number,
): Promise<Omit<Measurement, 'bytesPerSession'>> {
  const { redis, adminApi, service } = world
  const adminBefore = adminApi.requests()
  await service.signIn(memberTokenOf('mem_sizing', Date.now() / 1000))
  const adminPerSignIn = adminApi.requests() - adminBefore
  const { sent, inside } = await countCommands(world)
  const askedCpuSeconds = await cpuWhileAsking(world, Math.ceil(refreshes / 10))
  return {
    redisVersion: await redis.admin
      .info('server')
      .then((text) => /redis_version:(\S+)/.exec(text)?.[1] ?? '?'),
    adminPerSignIn,
    sent,
    inside,
    commandsPerRefresh: Object.values(sent).reduce((sum, one) => sum + one, 0),
    askedCpuSeconds,
    ...(await cpuOfFlood(world, refreshes)),
  }
}

const kinds = [
  ['store', /perennial:session/],
  ['limits', /perennial:limit/],
  ['quota', /perennial:\{admin-quota:/],
] as const

async function countCommands({ redis, service, take }: World): Promise<Pick<Measurement, 'sent' | 'inside'>> {
  // Scripts are known by then, and connections open.
  await service.me((await service.refresh(take())).accessToken)
  const pairs: string[] = []
  await redis.admin.config('RESETSTAT')
  const refreshing = await monitored(redis.admin, async () => {
    for (let turn = 0; turn < counted; turn += 1) pairs.push((await service.refresh(take())).accessToken)
  })
  const commands = await commandCounts(redis.admin)
  const using = await monitored(redis.admin, async () => {
    for (const accessToken of pairs) await service.me(accessToken)
  })
  const ours = [
    'info',
    'config|resetstat',
    'monitor',
    'echo',
    'ping',
    'publish',
    'hello',
    'client|setinfo',
    'client|setname',
  ]
  const inside = [...commands]
    .filter(([name]) => !ours.includes(name))
    .reduce((sum, [, calls]) => sum + calls, 0)
  const count = (lines: readonly string[], pattern: RegExp) =>
    lines.filter((line) => pattern.test(line)).length / counted
  const [store, limits, quota] = kinds.map(([, pattern]) => count(refreshing, pattern))
  return {
    inside: inside / counted,
    sent: {
      store: store ?? NaN,
      limits: limits ?? NaN,
      quota: quota ?? NaN,
      // Limits of `GET /me` are not those of an app's own routes.
      confirmation: count(using, /perennial:session/),
    },
  }
}

/** So few at a time that the quota lets every one of them ask. */
async function cpuWhileAsking({ adminApi, service, take }: World, refreshes: number): Promise<number> {
  const before = await service.cpuSeconds()
  const requests = adminApi.requests()
  for (let done = 0; done < refreshes; done += askedPerSecond) {
    // A place in the quota rests for a second after its answer.
    await sleep(1_100)
    const size = Math.min(askedPerSecond, refreshes - done)
    await Promise.all(Array.from({ length: size }, () => service.refresh(take())))
  }
  const asked = adminApi.requests() - requests
  if (asked !== refreshes) throw new Error(`no figure from errors: ${asked} of ${refreshes} refreshes asked`)
  return ((await service.cpuSeconds()) - before) / refreshes
}

type Flood = Pick<
  Measurement,
  'unaskedCpuSeconds' | 'redisCpuSeconds' | 'bytesIn' | 'bytesOut' | 'askedPerSecond' | 'refreshesPerSecond'
>

/** So many at a time that the quota lets few of them ask; the others wait for a second and go on with what is known. */
async function cpuOfFlood({ redis, adminApi, service, take }: World, refreshes: number): Promise<Flood> {
  const look = async () => ({
    service: await service.cpuSeconds(),
    redis: await redisCpuSeconds(redis.admin),
    bytesIn: await readFigure(redis.admin, 'stats', 'total_net_input_bytes'),
    bytesOut: await readFigure(redis.admin, 'stats', 'total_net_output_bytes'),
    requests: adminApi.requests(),
    seconds: performance.now() / 1000,
  })
  const before = await look()
  let left = refreshes
  const lane = async () => {
    while (left > 0) {
      left -= 1
      await service.refresh(take())
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  const after = await look()
  const each = (name: keyof typeof before) => (after[name] - before[name]) / refreshes
  const seconds = after.seconds - before.seconds
  return {
    unaskedCpuSeconds: each('service'),
    redisCpuSeconds: each('redis'),
    bytesIn: each('bytesIn'),
    bytesOut: each('bytesOut'),
    askedPerSecond: (after.requests - before.requests) / seconds,
    refreshesPerSecond: refreshes / seconds,
  }
}
