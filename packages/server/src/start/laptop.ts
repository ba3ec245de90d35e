import {
  createPerennial,
  type Clock,
  type MemberstackOptions,
  type Perennial,
  type PerennialOptions,
} from '@perennial/auth'
import type { Emulator } from '@perennial/emulator'
import type { Config } from '../config/index.js'
import type { Demo } from '../demo/index.js'
import { listenFailure } from './start-failure.js'

/** The Memberstack to use, and the emulator if that is what it is. */
export interface MemberstackPlace {
  readonly options: MemberstackOptions
  readonly emulator: Emulator | null
}

/** Returns the configured Memberstack, or starts the emulator. The emulator's code is loaded only then. */
export async function findMemberstack(
  memberstack: Config['memberstack'],
  clock: Clock,
): Promise<MemberstackPlace> {
  if (memberstack.kind === 'memberstack') {
    const { kind: _kind, ...options } = memberstack
    return { options, emulator: null }
  }
  const { startEmulator } = await import('@perennial/emulator')
  const { port } = memberstack
  const emulator = await startEmulator({ port, clock }).catch((error: unknown) => {
    throw listenFailure(error, { variable: 'EMULATOR_PORT', host: '127.0.0.1', port })
  })
  const { appId, secretKey, adminUrl, jwksUri, issuer, webhookSecret } = emulator
  return { options: { appId, secretKey, adminUrl, jwksUri, issuer, webhookSecret }, emulator }
}

/** Creates the demo page beside the emulator, and never in production. Its code is loaded only then. */
export async function createDemoFor(
  config: Config,
  parts: {
    readonly emulator: Emulator | null
    readonly usual: Perennial
    readonly options: PerennialOptions & { readonly clock: Clock }
  },
): Promise<Demo | undefined> {
  const { emulator, usual, options } = parts
  if (emulator === null || config.environment === 'production') return undefined
  const { createDemo } = await import('../demo/index.js')
  const openShortLived = () => createPerennial({ ...options, accessTokenTtlSeconds: 60 })
  return createDemo({
    emulator,
    perennial: usual,
    // Opening `memory:` a second time would create another store.
    openShortLived: config.store.kind === 'memory' ? null : openShortLived,
    transport: config.refreshTokenTransport,
    clock: options.clock,
  })
}
