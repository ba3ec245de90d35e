import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../../auth/test/kit/redis.js'
import { hasRedis, startRedis, type RedisServer } from '../../auth/test/kit/redis.js'
import {
  hasOpenssl,
  makeCertificates,
  tlsSettings,
  type Certificates,
} from '../../auth/test/kit/tls-certificates.js'
import { call, exchange, pairOf, refresh } from './kit/auth-calls.js'
import { makeFolder, startProcess, type ServiceProcess } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'

describe.runIf(hasRedis() && hasOpenssl())(
  'a service on a Redis with a private certificate authority',
  () => {
    let folder: ReturnType<typeof makeFolder>
    let certificates: Certificates
    let redis: RedisServer
    let emulator: Emulator
    let settings: Record<string, string>
    let service: ServiceProcess

    beforeEach(async () => {
      folder = makeFolder()
      certificates = makeCertificates(folder.path, ['DNS:localhost'])
      const port = await freePort()
      redis = await startRedis(...tlsSettings(port, certificates))
      emulator = await startEmulator()
      settings = {
        ...settingsFor(emulator, ''),
        STORE_URL: `rediss://localhost:${port}`,
        PERENNIAL_SECRET: newSecret(),
      }
    })
    afterEach(async () => {
      service.child.kill('SIGKILL')
      await service.ended()
      await emulator.close()
      await redis.remove()
      folder.remove()
    })

    it('does not start with an unknown certificate authority, and says in one line what to do', async () => {
      service = startProcess(folder.path, settings)
      expect(await service.ended()).toBe(1)
      expect(service.output().trim()).toMatch(
        /^[^\n]*its certificate is not trusted[^\n]*NODE_EXTRA_CA_CERTS=[^\n]*$/,
      )
    })

    it('starts and serves with NODE_EXTRA_CA_CERTS', async () => {
      service = startProcess(folder.path, { ...settings, NODE_EXTRA_CA_CERTS: certificates.caFile })
      const [, url = ''] = await service.waitFor(/Perennial listens on (http:\S+)/)
      expect((await call(url, '/readyz')).status).toBe(200)
      const pair = pairOf(await exchange(url, (await emulator.issueTokens()).accessToken))
      expect((await refresh(url, pair.refreshToken)).status).toBe(200)
    })
  },
)
