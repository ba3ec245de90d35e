import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { createRedisProcess, freePort } from './redis.js'
import { isInStep, startRedis, type RedisServer } from './redis.js'

/** A primary, its replica and a Sentinel that watches them. */
export interface SentinelWorld {
  /** The address of the store. It names two Sentinels, and the first of them is away. */
  readonly url: string
  /** The primary at the start. */
  readonly first: RedisServer
  /** Its replica at the start. */
  readonly second: RedisServer
  readonly sentinel: Redis
  /** Resolves when the replica has everything that was written, and the Sentinel would promote it. */
  inStep(): Promise<void>
  /** Resolves when this server is the primary, and the other one its replica. */
  isPrimary(server: RedisServer): Promise<void>
  remove(): Promise<void>
}

/** The name of the primary at the Sentinels. */
export const masterName = 'main'

/** Starts the primary, the replica and the Sentinel. */
export async function startSentinelWorld(): Promise<SentinelWorld> {
  const settings = ['--appendonly', 'yes', '--repl-diskless-sync-delay', '0']
  const first = await startRedis(...settings)
  const second = await startRedis(...settings, '--replicaof', '127.0.0.1', `${first.port}`)
  const watching = await startSentinel(first.port)
  const { sentinel, url } = watching
  const inStep = async () => {
    for (;;) {
      const told = toMap(await sentinel.call('SENTINEL', 'REPLICAS', masterName))
      const isUp = told.get('flags') === 'slave' && told.get('master-link-status') === 'ok'
      if (isUp && ((await isInStep(first, second)) || (await isInStep(second, first)))) return
    }
  }
  await inStep()
  return {
    url,
    first,
    second,
    sentinel,
    inStep,
    async isPrimary(server) {
      while (!(await server.admin.info('replication')).includes('connected_slaves:1'));
    },
    async remove() {
      await watching.remove()
      await Promise.all([first.remove(), second.remove()])
    },
  }
}

async function startSentinel(primaryPort: number) {
  const directory = mkdtempSync(join(tmpdir(), 'perennial-sentinel-'))
  const [port, deadPort] = [await freePort(), await freePort()]
  const file = join(directory, 'sentinel.conf')
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${directory}`,
    `sentinel monitor ${masterName} 127.0.0.1 ${primaryPort} 1`,
    `sentinel down-after-milliseconds ${masterName} 500`,
    `sentinel failover-timeout ${masterName} 2000`,
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const running = createRedisProcess(/\+monitor master/)
  await running.start([file, '--sentinel'])
  const sentinel = new Redis({ port, host: '127.0.0.1', enableReadyCheck: false })
  sentinel.on('error', () => {})
  // A fast pace, and a high tilt trigger, so that a busy machine does not stop the Sentinel.
  const pace = ['info-period', '200', 'ping-period', '100', 'publish-period', '200', 'tilt-trigger', '60000']
  await sentinel.call('SENTINEL', 'DEBUG', ...pace)
  return {
    sentinel,
    url: `redis://127.0.0.1:${deadPort}?sentinel=${masterName}&node=127.0.0.1:${port}`,
    async remove() {
      sentinel.disconnect()
      await running.kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Parses the first of several replies of names and values. */
function toMap(replies: unknown): ReadonlyMap<string, string> {
  const map = new Map<string, string>()
  const flat: unknown = Array.isArray(replies) ? replies[0] : []
  const texts = Array.isArray(flat) ? flat.map(String) : []
  for (let at = 0; at + 1 < texts.length; at += 2) map.set(texts[at] ?? '', texts[at + 1] ?? '')
  return map
}
