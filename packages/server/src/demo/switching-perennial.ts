import type { Perennial } from '@perennial/auth'
import type { Switches } from './switches.js'

/** One Perennial whose access tokens can be made to live a minute; both lives are on the same store. */
export interface SwitchingPerennial extends Perennial {
  /** Opens what is needed for tokens of this life, then uses it. */
  setTokenLife(life: Switches['tokenLife']): Promise<void>
}

/** @param openShort - opens the same Perennial again with tokens of 60 s; its end is ours, that of `usual` is not */
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
        // What could not be opened may be opened the next time.
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
