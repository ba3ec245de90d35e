import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../src/base/time.js'
import { openStore } from '../src/stores/index.js'
import { createRedisProcess, freePort } from './kit/redis.js'
import { hasRedis, startRedis, startRedisCluster, type RedisServer } from './kit/redis.js'
import { hasOpenssl, makeCertificates, tlsSettings, type Certificates } from './kit/tls-certificates.js'

const isThere = hasRedis() && hasOpenssl()

describe.runIf(isThere)('rediss://', () => {
  let folder: string
  let certificates: Certificates
  let tlsPort: number
  let ends: (() => Promise<void>)[]
  const usualAuthorities = getCACertificates()

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'perennial-tls-'))
    certificates = makeCertificates(folder, ['DNS:localhost'])
    tlsPort = await freePort()
    ends = []
  })
  afterEach(async () => {
    setDefaultCACertificates(usualAuthorities)
    for (const end of ends.toReversed()) await end()
    rmSync(folder, { recursive: true, force: true })
  })

  const until = <T extends RedisServer>(server: T): T => {
    ends.push(() => server.remove())
    return server
  }
  const trust = () => setDefaultCACertificates([...usualAuthorities, certificates.ca])
  /** Writes through the store, so that both of its connections have spoken. */
  const use = async (address: string) => {
    const store = await openStore(address, { clock: systemClock })
    try {
      await store.check()
      await store.webhookLog.markDone('msg_1', systemClock() + 60)
      return await store.webhookLog.isDone('msg_1')
    } finally {
      await store.close()
    }
  }
  const refusalOf = async (address: string) => String(await use(address).catch((error: unknown) => error))

  it('reaches a server whose certificate somebody vouches for', async () => {
    until(await startRedis(...tlsSettings(tlsPort, certificates)))
    trust()
    expect(await use(`rediss://localhost:${tlsPort}`)).toBe(true)
  })

  it('refuses a certificate that is not trusted, and reports what to do', async () => {
    until(await startRedis(...tlsSettings(tlsPort, certificates)))
    expect(await refusalOf(`rediss://:hunter2@localhost:${tlsPort}`)).toMatch(
      /^Error: The Redis store [^\n]+is not trusted[^\n]+\(\w+\)[^\n]+NODE_EXTRA_CA_CERTS=[^\n]+$/,
    )
    expect(await refusalOf(`rediss://:hunter2@localhost:${tlsPort}`)).not.toContain('hunter2')
    expect(await refusalOf(`rediss://localhost:${tlsPort}?cluster`)).toContain('NODE_EXTRA_CA_CERTS')
    expect(await refusalOf(`rediss://localhost:${tlsPort}?sentinel=main`)).toContain('NODE_EXTRA_CA_CERTS')
  })

  it('refuses a certificate for another name, and a server that wants one of ours', async () => {
    until(await startRedis(...tlsSettings(tlsPort, certificates), '--tls-auth-clients', 'yes'))
    trust()
    expect(await refusalOf(`rediss://127.0.0.1:${tlsPort}`)).toContain('is for another name')
    expect(await refusalOf(`rediss://localhost:${tlsPort}`)).toContain('tls-auth-clients no')
  })

  it('reaches a Cluster by the names of its certificate', async () => {
    const names = [
      '--cluster-announce-hostname',
      'localhost',
      '--cluster-preferred-endpoint-type',
      'hostname',
    ]
    until(await startRedisCluster(...tlsSettings(tlsPort, certificates), '--tls-cluster', 'yes', ...names))
    trust()
    expect(await use(`rediss://localhost:${tlsPort}?cluster`)).toBe(true)
  })

  it('reaches Sentinels, and the master they name, by TLS alone', async () => {
    certificates = makeCertificates(folder, ['DNS:localhost', 'IP:127.0.0.1'])
    until(await startRedis(...tlsSettings(tlsPort, certificates)))
    const sentinelPort = await freePort()
    const file = join(folder, 'sentinel.conf')
    const lines = [
      'port 0',
      ...tlsSettings(sentinelPort, certificates)
        .join(' ')
        .split(' --')
        .map((line) => line.replace(/^--/, '')),
      'tls-replication yes',
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor main 127.0.0.1 ${tlsPort} 1`,
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
    const sentinel = createRedisProcess(/\+monitor master/)
    await sentinel.start([file, '--sentinel'])
    ends.push(() => sentinel.kill())
    trust()
    expect(await use(`rediss://localhost:${sentinelPort}?sentinel=main`)).toBe(true)
  })
})
