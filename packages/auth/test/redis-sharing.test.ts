import { expect, it } from 'vitest'
import { eventually, toPair } from './kit/instances.js'
import { hasRedis, startRedis } from './kit/redis.js'
import { describeThreeInstances, type SharingWorld } from './three-instances.contract.js'

const startServer = async () => {
  const redis = await startRedis()
  const { url, admin } = redis
  return { url, admin, empty: () => admin.flushall(), remove: () => redis.remove() }
}

describeThreeInstances('Redis', {
  isInstalled: hasRedis(),
  startServer,
  revokedWithinMs: 1_000,
  more: describeRedis,
})

function describeRedis({ server, start }: SharingWorld<Awaited<ReturnType<typeof startServer>>>): void {
  it('refuse a token whose session was ended while they were cut off', async () => {
    const [one, two] = await start()
    const { accessToken } = await one.signIn()
    expect((await two.me(accessToken)).status).toBe(200)
    await server().admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await eventually(async () => (await one.signOutEverywhere(accessToken)).status === 204)

    await eventually(async () => (await two.me(accessToken)).status === 401)
  })

  it('take two store round trips for a refresh', async () => {
    const [one] = await start()
    const first = await one.refresh((await one.signIn()).refreshToken)
    const monitor = await server().admin.monitor()
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
    await server().admin.echo('mark')
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
    const keys = await server().admin.keys('*')
    expect(keys.length).toBeGreaterThan(6)
    // -1 says that it has no expiry.
    for (const key of keys) expect(await server().admin.ttl(key), key).not.toBe(-1)
  })

  it('go on after the scripts were flushed', async () => {
    const [one] = await start()
    const { refreshToken } = await one.signIn()
    await server().admin.script('FLUSH')
    expect((await one.refresh(refreshToken)).status).toBe(200)
  })
}
