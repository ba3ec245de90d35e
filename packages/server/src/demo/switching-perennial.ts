import type { Perennial } from '@perennial/auth'
import type { Switches } from './switches.js'

/** A Perennial that can issue one-hour or one-minute access tokens, on the same store. */
export interface SwitchingPerennial extends Perennial {
  /** Uses tokens of this life from now on; opens the second Perennial if needed. */
  setTokenLife(life: Switches['tokenLife']): Promise<void>
}

/** @param openShort - opens a second Perennial with tokens of 60 s. `close` closes that one, and not `usual`. */
export function createSwitchingPerennial(
  usual: Perennial,
  switches: Switches,
  openShort: () => Promise<Perennial>,
): SwitchingPerennial {
  let opening: Promise<Perennial> | null = null
  let short: Perennial | null = null
  const current = () => (switches.tokenLife === 'minute' && short ? short : usual)
  return {
    mode: usual.mode,
    handle: (request) => current().handle(request),
    handleWebhook: (request) => usual.handleWebhook(request),
    readJwks: () => usual.readJwks(),
    authenticate: (credentials, requestId) => current().authenticate(credentials, requestId),
    requireRoles: (authenticated, roles, requestId) => usual.requireRoles(authenticated, roles, requestId),
    toResponse: (error) => usual.toResponse(error),
    checkReady: () => usual.checkReady(),
    async setTokenLife(life) {
      if (life === 'minute') {
        opening ??= openShort()
        // After a failure the next call tries again.
        short = await opening.catch((error: unknown) => {
          opening = null
          throw error
        })
      }
      switches.tokenLife = life
    },
    async close() {
      await (await opening?.catch(() => null))?.close()
    },
  }
}
