import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { closeAll, startInstance, type SharingInstance } from './kit/instances.js'
import { hasRedis, startRedis, type RedisServer } from './kit/redis.js'

/** A proxy to Redis that can swallow what Redis sends on connections that subscribe. */
interface SwallowingProxy {
  readonly url: string
  /** From now on nothing of Redis arrives on connections that subscribe. They stay open. */
  swallow(): void
  close(): Promise<void>
}

async function startSwallowingProxy(redis: RedisServer): Promise<SwallowingProxy> {
  const sockets = new Set<Socket>()
  let isSwallowing = false
  const server = createServer((client) => {
    const upstream = connect(redis.port, '127.0.0.1')
    let isSubscriber = false
    client.on('data', (bytes) => {
      isSubscriber ||= /subscribe/i.test(bytes.toString('latin1'))
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (!(isSubscriber && isSwallowing)) client.write(bytes)
    })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `redis://127.0.0.1:${address.port}`,
    swallow: () => (isSwallowing = true),
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}

describe.runIf(hasRedis())('an instance whose subscription died without a word', () => {
  let redis: RedisServer
  let emulator: Emulator
  let proxy: SwallowingProxy
  let instances: SharingInstance[]
  beforeEach(async () => {
    redis = await startRedis()
    emulator = await startEmulator()
    proxy = await startSwallowingProxy(redis)
    instances = []
  })
  afterEach(async () => {
    await closeAll(instances)
    await proxy.close()
    await emulator.close()
    await redis.remove()
  })

  it('refuses what another instance revokes within 2 s, every time', async () => {
    const other = await startInstance(emulator, redis.url)
    const deaf = await startInstance(emulator, proxy.url)
    instances.push(other, deaf)
    const pairs = [await other.signIn(), await other.signIn(), await other.signIn()]
    for (const { accessToken } of pairs) expect((await deaf.me(accessToken)).status).toBe(200)
    proxy.swallow()
    for (const { accessToken } of pairs) {
      const { sid } = JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString())
      expect((await other.signOutSession(sid, accessToken)).status).toBe(204)
      const endedAt = performance.now()
      await expect
        .poll(async () => (await deaf.me(accessToken)).status, { timeout: 10_000, interval: 20 })
        .toBe(401)
      expect((performance.now() - endedAt) / 1000).toBeLessThan(2)
    }
  })
})
