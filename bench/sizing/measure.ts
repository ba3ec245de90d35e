import { setTimeout as sleep } from 'node:timers/promises'
import { expectStatus, send } from '../kit/http.ts'
import { runLoad } from '../kit/load.ts'
import { appId, memberClaims, secret, secretKey } from '../kit/members.ts'
import { startMemberstack, type Memberstack } from '../kit/memberstack.ts'
import type { BenchProcess } from '../kit/process.ts'
import { startMeasuredRedis, type MeasuredRedis } from '../kit/redis.ts'
import { pairOf, refreshRequest, signInRequest } from '../kit/requests.ts'
import { startServiceProcess } from '../kit/service.ts'
import { seedSessions } from '../kit/sessions.ts'
import { createSigner } from '../kit/signer.ts'

/** The figures, with their parts. */
export type Measurement = Awaited<ReturnType<typeof measure>>

const counted = 20
const askedAtOnce = 20
const connections = 500

interface World {
  readonly redis: MeasuredRedis
  readonly memberstack: Memberstack
  readonly service: BenchProcess<{ readonly port: number }>
  /** Returns the refresh token of a session that was not refreshed yet. */
  readonly take: () => string
}

/** Measures on a real Redis and the real service, each in a process of its own. */
export async function measure(sessions: number, refreshes: number) {
  const redis = await startMeasuredRedis()
  const memberstack = await startMemberstack()
  try {
    const before = await redis.figure('memory', 'used_memory')
    const seeded = await seedSessions(redis.url, sessions)
    const tokens = seeded.map(({ refreshToken }) => refreshToken).values()
    const bytesPerSession = ((await redis.figure('memory', 'used_memory')) - before) / sessions
    await redis.turnDurable()
    const service = await startServiceProcess({
      STORE_URL: redis.url,
      PERENNIAL_SECRET: secret,
      MEMBERSTACK_APP_ID: appId,
      MEMBERSTACK_SECRET_KEY: secretKey,
      MEMBERSTACK_ADMIN_URL: memberstack.url,
      // All requests come from one address.
      RATE_LIMIT_IP_PER_MINUTE: '1000000',
      RATE_LIMIT_IP_TOTAL_PER_MINUTE: '1000000',
    })
    const take = () => {
      const { value } = tokens.next()
      if (value === undefined) throw new TypeError('--sessions must be more than --refreshes')
      return value
    }
    try {
      return { bytesPerSession, ...(await measureService({ redis, memberstack, service, take }, refreshes)) }
    } finally {
      await service.stop()
    }
  } finally {
    memberstack.close()
    await redis.remove()
  }
}

async function measureService(world: World, refreshes: number) {
  const { redis, memberstack, service } = world
  const memberToken = createSigner('RS256', 'bench').sign(memberClaims(0))
  pairOf(201, await send(service.ready.port, signInRequest(memberToken)))
  const adminPerSignIn = memberstack.calls.admin
  const commands = await countCommands(world)
  const few = Math.ceil(refreshes / 10)
  const asked = await costsOf(world, few, () => refreshWithinQuota(world, few))
  // Requests a second and refreshes a second have one duration.
  if (Math.round(asked.adminRequests * few) !== few)
    throw new Error(`no figure from errors: ${asked.adminRequests * few} of ${few} refreshes asked`)
  const unasked = await costsOf(world, refreshes, () => refreshAboveQuota(world, refreshes))
  return {
    redisVersion: /redis_version:(\S+)/.exec(await redis.admin.info('server'))?.[1] ?? '?',
    adminPerSignIn,
    ...commands,
    askedCpuSeconds: asked.cpuSeconds,
    unaskedCpuSeconds: unasked.cpuSeconds,
    redisCpuSeconds: unasked.redisCpuSeconds,
    bytesIn: unasked.bytesIn,
    bytesOut: unasked.bytesOut,
    askedPerSecond: unasked.adminRequests / unasked.seconds,
    refreshesPerSecond: 1 / unasked.seconds,
  }
}

/** Counts the commands that a refresh and the first use of its access token send, by purpose, and those that run inside Redis. */
async function countCommands({ redis, service, take }: World) {
  const { port } = service.ready
  const refresh = async () => pairOf(200, await send(port, refreshRequest(take()))).accessToken
  const use = async (token: string) => expectStatus(200, await send(port, { path: '/v1/auth/me', token }))
  // After this, scripts are loaded and connections open.
  await use(await refresh())
  const issued: string[] = []
  await redis.admin.config('RESETSTAT')
  const refreshing = await commandsSent(redis.admin, async () => {
    for (let turn = 0; turn < counted; turn += 1) issued.push(await refresh())
  })
  const inside = (await commandsRun(redis.admin)) / counted
  const using = await commandsSent(redis.admin, async () => {
    for (const accessToken of issued) await use(accessToken)
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
  return { inside, sent, commandsPerRefresh: Object.values(sent).reduce((sum, one) => sum + one, 0) }
}

/** Commands of the bench and of connections, not of a refresh. */
const ofTheBench = /^(info|config\|resetstat|monitor|echo|ping|publish|hello|client\|set(info|name))$/

/** Returns the number of commands that ran since `CONFIG RESETSTAT`, those inside scripts included. */
async function commandsRun(redis: MeasuredRedis['admin']): Promise<number> {
  const counts = [...(await redis.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)]
  return counts.reduce((sum, [, name = '', calls]) => sum + (ofTheBench.test(name) ? 0 : Number(calls)), 0)
}

/** Returns the commands that clients sent during some work, one line each; commands inside scripts are not sent. */
async function commandsSent(
  redis: MeasuredRedis['admin'],
  work: () => Promise<void>,
): Promise<readonly string[]> {
  const monitor = await redis.monitor()
  const sent: string[] = []
  const mark = `mark ${Math.random()}`
  const marked = new Promise<void>((resolve) => {
    monitor.on('monitor', (_time: string, args: readonly string[], source: string) => {
      if (args.includes(mark)) resolve()
      else if (source !== 'lua') sent.push(args.join(' '))
    })
  })
  await work()
  // The mark arrives after everything before it.
  await redis.echo(mark)
  await marked
  monitor.disconnect()
  return sent
}

/** Measures some refreshes. Returns the costs of one. */
async function costsOf({ redis, memberstack, service }: World, refreshes: number, work: () => Promise<void>) {
  const read = async () => ({
    cpuSeconds: (await service.usage()).cpuSeconds,
    redisCpuSeconds: await redis.cpuSeconds(),
    bytesIn: await redis.figure('stats', 'total_net_input_bytes'),
    bytesOut: await redis.figure('stats', 'total_net_output_bytes'),
    adminRequests: memberstack.calls.admin,
    seconds: performance.now() / 1000,
  })
  const before = await read()
  await work()
  const after = await read()
  const each = (name: keyof typeof before) => (after[name] - before[name]) / refreshes
  return {
    cpuSeconds: each('cpuSeconds'),
    redisCpuSeconds: each('redisCpuSeconds'),
    bytesIn: each('bytesIn'),
    bytesOut: each('bytesOut'),
    adminRequests: each('adminRequests'),
    seconds: each('seconds'),
  }
}

/** So few refreshes at once that the quota lets each of them ask the admin API. */
async function refreshWithinQuota({ service, take }: World, refreshes: number): Promise<void> {
  for (let done = 0; done < refreshes; done += askedAtOnce) {
    // The quota counts a request for a second after its answer.
    await sleep(1_100)
    const tokens = Array.from({ length: Math.min(askedAtOnce, refreshes - done) }, take)
    await Promise.all(
      tokens.map(async (token) => pairOf(200, await send(service.ready.port, refreshRequest(token)))),
    )
  }
}

/** So many at once that the quota lets few of them ask; the others wait for a second, then use the last known answer. */
async function refreshAboveQuota({ service, take }: World, count: number): Promise<void> {
  const { port } = service.ready
  await runLoad({
    port,
    connections,
    count,
    send: async (connection) => void pairOf(200, await connection.send(refreshRequest(take()))),
  })
}
