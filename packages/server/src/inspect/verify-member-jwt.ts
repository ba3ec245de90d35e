import { readMemberKeys } from '@perennial/auth'
import type { Config } from '../config/index.js'
import type { StoreFindings } from './session-look-up.js'
import type { ReadToken } from './token-text.js'

type Memberstack = Extract<Config['memberstack'], { kind: 'memberstack' }>

/** The signature of a member JWT, where the keys are pinned; nobody is asked. */
export function verifyMemberJwt(
  { text, header }: ReadToken,
  { refreshUrl, jwks }: Memberstack,
): StoreFindings {
  const open = (unchecked: string): StoreFindings => ({ lines: [], refusals: [], unchecked })
  if (refreshUrl === undefined) return open('the signature; Memberstack is asked at the exchange')
  if (jwks === undefined)
    return open('the signature; its keys are at MEMBERSTACK_JWKS_URI, which only the service reads')
  const keys = readMemberKeys(jwks) ?? []
  const { kid } = header
  const fitting = keys.filter((key) => kid === undefined || key.kid === kid)
  if (fitting.length === 0 || (kid === undefined && fitting.length > 1))
    return refused(
      'none of the keys in MEMBERSTACK_JWKS has its kid. Fetch the key set anew if Memberstack changed its keys.',
    )
  const isGood = fitting.some((key) => key.isSignerOf(text))
  return isGood
    ? { lines: [], refusals: [] }
    : refused('its signature is wrong: it was changed on the way, or forged.')
}

function refused(why: string): StoreFindings {
  return { lines: [], refusals: [`AUTH_TOKEN_INVALID: ${why}`] }
}
