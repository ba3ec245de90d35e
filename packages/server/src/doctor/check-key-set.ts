import { isLoopback, readMemberKeys, type HttpClient } from '@perennial/auth'
import type { Config } from '../config/index.js'
import { findingsAbout, type Finding } from './finding.js'
import { askUpstream, type UpstreamAnswer } from './upstream.js'

type Memberstack = Extract<Config['memberstack'], { kind: 'memberstack' }>

const keySet = findingsAbout('key set')

/** The findings about the key set, and the answer of its source if it was asked. */
export interface KeySetCheck {
  readonly findings: readonly Finding[]
  readonly answer?: UpstreamAnswer
}

/**
 * Checks that the key set of member JWTs is pinned, or can be reached over https, and holds a usable key. In session mode it is optional; where
 * one is configured, it is checked as in forward mode.
 */
export async function checkKeySet(
  { refreshUrl, jwks, jwksUri }: Memberstack,
  httpClient: HttpClient,
): Promise<KeySetCheck> {
  if (jwks !== undefined) return { findings: checkPinned(jwks) }
  if (jwksUri !== undefined) return await checkRemote(jwksUri, httpClient)
  // The configuration ensures that forward mode has one.
  const findings = refreshUrl === undefined ? [keySet.ok(notNeeded)] : []
  return { findings }
}

const notNeeded =
  'not needed: in session mode member JWTs are verified by the admin API. With MEMBERSTACK_JWKS_URI or MEMBERSTACK_JWKS forged ones cost no call.'

/** The configuration ensures that there is a usable key. */
function checkPinned(jwks: string): readonly Finding[] {
  const secret = holdsSecretKey(jwks)
    ? [
        keySet.warning(
          'MEMBERSTACK_JWKS holds a private key, which is ignored: anyone who reads it can sign member JWTs. Remove it, and find out where it came from.',
        ),
      ]
    : []
  return [keySet.ok(`pinned, with ${inWords(countUsable(jwks))}.`), ...secret]
}

async function checkRemote(url: string, httpClient: HttpClient): Promise<KeySetCheck> {
  const answer = await askUpstream(httpClient, url)
  if (answer.kind === 'silent')
    return {
      findings: [
        keySet.error(
          `cannot be reached (${answer.reason}). Check MEMBERSTACK_JWKS_URI, or pin MEMBERSTACK_JWKS.`,
        ),
      ],
      answer,
    }
  if (answer.kind === 'too-large')
    return { findings: [keySet.error('answers more than 1 MiB. Check MEMBERSTACK_JWKS_URI.')], answer }
  return { findings: [...checkSecrets(answer.text), judge(url, answer)], answer }
}

function judge(url: string, { status, text }: Extract<UpstreamAnswer, { kind: 'answered' }>): Finding {
  const usable = status === 200 ? countUsable(text) : 0
  if (usable === 0)
    return keySet.error(`answers ${status} without a usable RS256 key. Check MEMBERSTACK_JWKS_URI.`)
  const { protocol, hostname } = new URL(url)
  if (protocol === 'https:') return keySet.ok(`reachable over https, with ${inWords(usable)}.`)
  if (isLoopback(hostname)) return keySet.ok(`reachable on this machine, with ${inWords(usable)}.`)
  return keySet.warning(
    'is read over plain http: anyone on the network path can insert a key. Use https in MEMBERSTACK_JWKS_URI, or pin MEMBERSTACK_JWKS. Production does not start like this.',
  )
}

function checkSecrets(text: string): readonly Finding[] {
  if (!holdsSecretKey(text)) return []
  return [
    keySet.error(
      'MEMBERSTACK_JWKS_URI publishes a private key: anyone can sign member JWTs with it. It is ignored here; have it removed and replaced there.',
    ),
  ]
}

function countUsable(text: string): number {
  return readMemberKeys(text)?.length ?? 0
}

function inWords(usable: number): string {
  return `${usable} usable RS256 ${usable === 1 ? 'key' : 'keys'}`
}

/** Returns true if a key has a member that only private and symmetric keys have (RFC 7518 §6.2.2, §6.3.2, §6.4.1). */
function holdsSecretKey(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || !('keys' in parsed)) return false
    const isSecret = (key: unknown) => typeof key === 'object' && key !== null && ('d' in key || 'k' in key)
    return Array.isArray(parsed.keys) && parsed.keys.some(isSecret)
  } catch {
    return false
  }
}
