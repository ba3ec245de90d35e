import type { Config } from '../config/index.js'
import { findingsAbout, type Finding } from './finding.js'
import { askUpstream } from './upstream.js'

type Memberstack = Extract<Config['memberstack'], { kind: 'memberstack' }>

/** The key set of member JWTs: pinned, or reachable, encrypted on the way, and with a key that can be used. */
export async function checkKeySet({ refreshUrl, jwks, jwksUri }: Memberstack): Promise<Finding> {
  const keySet = findingsAbout('key set')
  if (refreshUrl === undefined)
    return keySet.ok('not needed: in session mode member JWTs are verified by the admin API.')
  if (jwks !== undefined) {
    const usable = countUsable(jwks)
    // The configuration has made sure that it is one at least.
    return keySet.ok(`pinned, with ${usable} usable RS256 ${usable === 1 ? 'key' : 'keys'}.`)
  }
  // The configuration has made sure that one of the two is there.
  return checkRemote(jwksUri ?? '')
}

async function checkRemote(url: string): Promise<Finding> {
  const keySet = findingsAbout('key set')
  const answer = await askUpstream(url)
  if (answer.kind === 'silent')
    return keySet.error(
      `cannot be reached (${answer.reason}). Check MEMBERSTACK_JWKS_URI, or pin MEMBERSTACK_JWKS.`,
    )
  const usable = answer.status === 200 ? countUsable(answer.text) : 0
  if (usable === 0)
    return keySet.error(`answers ${answer.status} without a usable RS256 key. Check MEMBERSTACK_JWKS_URI.`)
  if (new URL(url).protocol !== 'https:')
    return keySet.warning(
      'is read over plain http: whoever sits on the way can put a key of his own in. Use https, or pin MEMBERSTACK_JWKS.',
    )
  return keySet.ok(`reachable over https, with ${usable} usable RS256 ${usable === 1 ? 'key' : 'keys'}.`)
}

/** RSA keys for signatures whose modulus has 2048 bits or more. */
function countUsable(text: string): number {
  const isUsable = (key: unknown): boolean => {
    if (typeof key !== 'object' || key === null || !('kty' in key) || !('n' in key)) return false
    if (key.kty !== 'RSA' || typeof key.n !== 'string' || 'd' in key) return false
    if ('use' in key && key.use !== 'sig') return false
    return Buffer.from(key.n, 'base64url').length >= 256
  }
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || !('keys' in parsed)) return 0
    return Array.isArray(parsed.keys) ? parsed.keys.filter(isUsable).length : 0
  } catch {
    return 0
  }
}
