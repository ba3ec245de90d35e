import { createPerennial, type AuthEvent, type PerennialOptions } from '@perennial/auth'
import { perennialAuth } from '@perennial/auth/fastify'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { fastify } from 'fastify'
import { exchange, pairOf, type Pair } from './auth-calls.js'
import { newSecret } from './session-world.js'

/** Perennial behind real HTTP, and an emulator, on one clock that the test sets. */
export interface ClockedWorld {
  readonly emulator: Emulator
  readonly url: string
  /** All events that telemetry received. */
  readonly events: readonly AuthEvent[]
  /** Seconds since the epoch; a whole number at the start. */
  now(): number
  pass(seconds: number): void
  /** Creates a member and signs in. */
  signIn(email: string): Promise<Pair>
  close(): Promise<void>
}

/** Starts all of it in this process, with the default options unless `options` change them. */
export async function startClockedWorld(options: Partial<PerennialOptions> = {}): Promise<ClockedWorld> {
  let now = Math.floor(Date.now() / 1000)
  const clock = () => now
  const events: AuthEvent[] = []
  const emulator = await startEmulator({ clock, adminRequestsPerSecond: 1_000_000 })
  const { appId, secretKey, adminUrl, issuer } = emulator
  const perennial = await createPerennial({
    store: 'memory:',
    secret: newSecret(),
    memberstack: { appId, secretKey, adminUrl, issuer },
    telemetry: { emit: (event) => void events.push(event), observeUpstream: () => {} },
    clock,
    ...options,
  })
  const app = fastify()
  app.register(perennialAuth, { prefix: '/v1/auth', perennial })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    emulator,
    url,
    events,
    now: clock,
    pass(seconds) {
      now += seconds
    },
    async signIn(email) {
      const { id } = emulator.createMember({ email, password: 'perennial-demo' })
      return pairOf(await exchange(url, (await emulator.issueTokens({ memberId: id })).accessToken))
    },
    async close() {
      await app.close()
      await perennial.close()
      await emulator.close()
    },
  }
}
