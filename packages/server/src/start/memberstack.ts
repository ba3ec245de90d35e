import type { Clock, MemberstackOptions } from '@perennial/auth'
import type { Emulator } from '@perennial/emulator'
import type { Config } from '../config/index.js'
import { listenFailure } from './start-failure.js'

/** Where Memberstack is, and the emulator where it is one. */
export interface MemberstackPlace {
  readonly options: MemberstackOptions
  readonly emulator: Emulator | null
}

/** Takes the configured Memberstack, or starts the emulator; its code is loaded only then. */
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
