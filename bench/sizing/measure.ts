import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { startMemberstack, type Memberstack } from '../kit/memberstack.ts'
import { startMeasuredRedis, type MeasuredRedis } from '../kit/redis.ts'
import { createSigner, memberClaims } from '../kit/tokens.ts'
import { commandsRun, commandsSent } from './commands.ts'
import { seedSessions } from './seed-sessions.ts'
import { startServiceProcess, type Service } from './service.ts'
import type { Measured } from './size-of.ts'

/** The figures, with their parts. */
export interface Measurement extends Measured {
  readonly redisVersion: string
  /** Commands that a refresh and the first use of its access token send, by purpose. */
  readonly sent: Readonly<Record<'store' | 'limits' | 'quota' | 'confirmation', number>>
  /** Commands that run inside Redis for it, those of scripts included. */
  readonly inside: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Refreshes a second that asked the admin API, of those that came at once. */
  readonly askedPerSecond: number
  readonly refreshesPerSecond: number
}

const counted = 20
const askedPerSecond = 20
const atOnce = 500

interface World {
  readonly redis: MeasuredRedis
  readonly memberstack: Memberstack
  readonly service: Service
  /** Returns the refresh token of a session that was not refreshed yet. */
  readonly take: () => string
}

/** Measures on a real Redis and the real service, each in a process of its own. */
export async function measure(sessions: number, refreshes: number): Promise<Measurement> {
  const redis = await startMeasuredRedis()
  const memberstack = await startMemberstack()
  try {
    const secret = randomBytes(32).toString('base64')
    const before = await redis.figure('memory', 'used_memory')
    const tokens = (await seedSessions(redis.url, secret, sessions)).values()
    const bytesPerSession = ((await redis.figure('memory', 'used_memory')) - before) / sessions
    await turnDurable(redis)
    const service = await startServiceProcess({ storeUrl: redis.url, adminUrl: memberstack.url, secret })
    const take = () => {
      const { value } = tokens.next()
      if (value === undefined) throw new TypeError('--sessions must be more than --refreshes')
      return value
    }
    try {
      return { bytesPerSession, ...(await measureService({ redis, memberstack, service, take }, refreshes)) }
    } finally {
      await service.close()
    }
  } finally {
    memberstack.close()
    await redis.remove()
  }
}

/** Turns on the log, as operators do. Only after Redis is filled: a log that grows is rewritten by a copy of the process. */
async function turnDurable({ admin, figure }: MeasuredRedis): Promise<void> {
  await admin.config('SET', 'appendonly', 'yes')
  const isWriting = async () =>
    (await figure('persistence', 'aof_rewrite_in_progress')) +
      (await figure('persistence', 'aof_rewrite_scheduled')) >
    0
  while (await isWriting()) await sleep(100)
}

async function measureService(
  world: World,
  refreshes: number,
): Promise<Omit<Measurement, 'bytesPerSession'>> {
  const { redis, memberstack, service } = world
  const adminBefore = memberstack.calls.admin
  await service.signIn(createSigner('RS256', 'bench').sign(memberClaims(0)))
  const adminPerSignIn = memberstack.calls.admin - adminBefore
  const { sent, inside } = await countCommands(world)
  const askedCpuSeconds = await cpuWhileAsking(world, Math.ceil(refreshes / 10))
  return {
    redisVersion: /redis_version:(\S+)/.exec(await redis.admin.info('server'))?.[1] ?? '?',
    adminPerSignIn,
    sent,
    inside,
    commandsPerRefresh: Object.values(sent).reduce((sum, one) => sum + one, 0),
    askedCpuSeconds,
    ...(await cpuOfFlood(world, refreshes)),
  }
}

async function countCommands({ redis, service, take }: World): Promise<Pick<Measurement, 'sent' | 'inside'>> {
  // After this, scripts are loaded and connections open.
  await service.me((await service.refresh(take())).accessToken)
  const issued: string[] = []
  await redis.admin.config('RESETSTAT')
  const refreshing = await commandsSent(redis.admin, async () => {
    for (let turn = 0; turn < counted; turn += 1) issued.push((await service.refresh(take())).accessToken)
  })
  const inside = (await commandsRun(redis.admin)) / counted
  const using = await commandsSent(redis.admin, async () => {
    for (const accessToken of issued) await service.me(accessToken)
  })
  const count = (lines: readonly string[], part: string) =>
    lines.filter((line) => line.includes(part)).length / counted
  const sent = {
    store: count(refreshing, 'perennial:session'),
    limits: count(refreshing, 'perennial:limit'),
    quota: count(refreshing, 'perennial:{admin-quota:'),
    // The limits of `GET /me` are not those of an app's own routes.
    confirmation: count(using, 'perennial:session'),
  }
  return { inside, sent }
}

/** Measures so few refreshes at once that the quota lets each of them ask the admin API. */
async function cpuWhileAsking({ memberstack, service, take }: World, refreshes: number): Promise<number> {
  const before = await service.cpuSeconds()
  const requests = memberstack.calls.admin
  for (let done = 0; done < refreshes; done += askedPerSecond) {
    // The quota counts a request for a second after its answer.
    await sleep(1_100)
    const size = Math.min(askedPerSecond, refreshes - done)
    await Promise.all(Array.from({ length: size }, () => service.refresh(take())))
  }
  const asked = memberstack.calls.admin - requests
  if (asked !== refreshes) throw new Error(`no figure from errors: ${asked} of ${refreshes} refreshes asked`)
  return ((await service.cpuSeconds()) - before) / refreshes
}

type Flood = Pick<
  Measurement,
  'unaskedCpuSeconds' | 'redisCpuSeconds' | 'bytesIn' | 'bytesOut' | 'askedPerSecond' | 'refreshesPerSecond'
>

/** Measures so many at once that the quota lets few of them ask; the others wait for a second, then use the last known answer. */
async function cpuOfFlood({ redis, memberstack, service, take }: World, refreshes: number): Promise<Flood> {
  const read = async () => ({
    service: await service.cpuSeconds(),
    redis: await redis.cpuSeconds(),
    bytesIn: await redis.figure('stats', 'total_net_input_bytes'),
    bytesOut: await redis.figure('stats', 'total_net_output_bytes'),
    requests: memberstack.calls.admin,
    seconds: performance.now() / 1000,
  })
  const before = await read()
  let left = refreshes
  const lane = async () => {
    while (left-- > 0) await service.refresh(take())
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  const after = await read()
  const each = (name: keyof typeof before) => (after[name] - before[name]) / refreshes
  return {
    unaskedCpuSeconds: each('service'),
    redisCpuSeconds: each('redis'),
    bytesIn: each('bytesIn'),
    bytesOut: each('bytesOut'),
    askedPerSecond: each('requests') / each('seconds'),
    refreshesPerSecond: 1 / each('seconds'),
  }
}
