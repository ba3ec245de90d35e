import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openStore } from '../src/stores/open-store.js'
import { parseStoreAddress } from '../src/stores/store-address.js'
import { hasRedis, startRedis } from './kit/redis.js'

/** Makes `redis.example` a name that has the IPv6 address `::1` only, for the resolver of this process. */
function nameOnlyIpv6(): void {
  const { lookup } = dns
  const only = (...question: unknown[]): unknown => {
    const [name, options, done = options] = question
    if (name !== 'redis.example' || typeof done !== 'function') return Reflect.apply(lookup, dns, question)
    const wanted = typeof options === 'object' && options !== null ? options : {}
    const family = 'family' in wanted ? wanted.family : 0
    if (family === 4)
      return process.nextTick(done, Object.assign(new Error('no IPv4'), { code: 'ENOTFOUND' }))
    const isForAll = 'all' in wanted && wanted.all === true
    return isForAll
      ? process.nextTick(done, null, [{ address: '::1', family: 6 }])
      : process.nextTick(done, null, '::1', 6)
  }
  Object.assign(dns, { lookup: only })
  syncBuiltinESMExports()
  onTestFinished(() => {
    Object.assign(dns, { lookup })
    syncBuiltinESMExports()
  })
}

describe.runIf(hasRedis())('a Redis store', () => {
  it('reaches a host that has only IPv6 addresses', async () => {
    const server = await startRedis('--bind', '127.0.0.1', '::1')
    onTestFinished(() => server.remove())
    nameOnlyIpv6()
    const address = parseStoreAddress(`redis://redis.example:${server.port}`)
    const store = await openStore(address, { clock: () => Date.now() / 1000 })
    onTestFinished(() => store.close())
    await expect(store.check()).resolves.toBeUndefined()
  })
})
