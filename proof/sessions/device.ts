import { AuthError } from '../../packages/auth/src/base/errors.ts'
import type { AuthRequest } from '../../packages/auth/src/http/index.ts'
import { shownProof } from '../../packages/auth/src/http/device-routes.ts'
import type { DeviceKeys, DeviceRenewal } from '../../packages/auth/src/sessions/device-keys.ts'
import type { PresentedProof } from '../../packages/auth/src/tokens/index.ts'
import { boundCookieName } from '../../packages/auth/src/http/cookies.ts'
import { keptByBrowserSeconds, type DeviceBrowser, type DeviceKeysOfWorld } from './browser-key.ts'
import type { Call, Outcome, Scene } from './scene.ts'

/** Returns true if the browser has dropped the cookie that shows its key, and has to renew it before a request. */
export function hasToRenew({ browser, actors, now }: Scene): boolean {
  const short = actors[0]?.holding.short
  return browser?.identifier != null && !(short && now < short.setAt + keptByBrowserSeconds)
}

/** Returns the proof that the cookie of a request is, as the routes read it. */
export function shownBy({ shown, how, kind }: Call, devices: DeviceKeys): PresentedProof | undefined {
  // The cookie begins with the id of its session.
  const [sessionId = ''] = shown?.text.split('.') ?? []
  const headers: Readonly<Record<string, string | undefined>> = {
    cookie: shown ? `__Host-perennial=x; ${boundCookieName(sessionId)}=${shown.text}` : '__Host-perennial=x',
    'secure-session-skipped': how === 'skipped' ? 'quota_exceeded' : undefined,
  }
  const request: AuthRequest = {
    method: kind === 'sign-out' ? 'DELETE' : 'POST',
    path: '',
    requestId: 'r',
    header: (name) => headers[name],
    readBody: async () => ({ kind: 'bytes', bytes: new Uint8Array() }),
  }
  return shownProof(request, { devices, ofSession: sessionId })
}

/** Sends the request that a browser makes by itself, or what a thief can make of it. */
export async function runByKey(
  scene: Scene,
  call: Call,
  devices: DeviceKeys,
  refreshToken: string,
): Promise<Outcome> {
  const { browser, keys } = scene
  if (!browser || !keys) throw new Error('the browsers of this world have no keys')
  const parts: KeyParts = { browser, keys, devices, refreshToken }
  if (call.actor.name === 'thief') return await tryAsThief(parts, call)
  return call.kind === 'register' ? await registerKey(parts) : await renewCookie(parts)
}

interface KeyParts {
  readonly browser: DeviceBrowser
  readonly keys: DeviceKeysOfWorld
  readonly devices: DeviceKeys
  readonly refreshToken: string
}

async function registerKey({ browser, keys, devices, refreshToken }: KeyParts): Promise<Outcome> {
  const proof = keys.browser(browser.challenge ?? '', 'register')
  browser.challenge = null
  const answer = await devices.register({ refreshToken, proof })
  browser.taken.register = proof
  return answer
}

/** Sends a proof whose answer was lost again, and else asks for a challenge. */
async function renewCookie({ browser, keys, devices, refreshToken }: KeyParts): Promise<Outcome> {
  const { identifier, unanswered } = browser
  browser.unanswered = null
  const renew = renewer(devices, identifier ?? '', refreshToken)
  const first = await renew(unanswered ?? undefined)
  if (first.kind !== 'challenge') return first
  const proof = keys.browser(first.challenge, 'renew')
  browser.unanswered = proof
  const answer = await renew(proof)
  if (answer.kind === 'proven') browser.taken.renew = proof
  return asOutcome(answer)
}

/** A thief knows the name of the session and the proofs that were taken, and has a key of its own. */
async function tryAsThief(parts: KeyParts, { kind, how }: Call): Promise<Outcome> {
  const { browser, keys, devices, refreshToken } = parts
  const renew = renewer(devices, browser.identifier ?? '', refreshToken)
  const challengeOf = (answer: DeviceRenewal) => (answer.kind === 'challenge' ? answer.challenge : '')
  if (kind === 'register') {
    const taken = browser.taken.register ?? ''
    const challenge = how === 'renewal challenge' ? challengeOf(await renew(undefined)) : challengeIn(taken)
    return await devices.register({ refreshToken, proof: keys.thief(challenge, 'register') })
  }
  if (how === 'replay') return asOutcome(await renew(browser.taken.renew ?? ''))
  const asked = await renew(undefined)
  if (asked.kind !== 'challenge') return asked
  return asOutcome(await renew(keys.thief(asked.challenge, 'renew')))
}

function asOutcome(renewal: DeviceRenewal): Outcome {
  return renewal.kind === 'challenge' ? { kind: 'unproven' } : renewal
}

/** Sends a renewal. A proof that is refused with another challenge is answered with that challenge. */
function renewer(devices: DeviceKeys, identifier: string, refreshToken: string) {
  return async (proof: string | undefined): Promise<DeviceRenewal> => {
    try {
      return await devices.renew(identifier, { refreshToken, proof }, (challenge) => ({ challenge }))
    } catch (error) {
      const challenge = error instanceof AuthError ? error.headers['challenge'] : undefined
      if (challenge === undefined) throw error
      return { kind: 'challenge', challenge }
    }
  }
}

function challengeIn(proof: string): string {
  const claims: { readonly jti?: string } = JSON.parse(
    Buffer.from(proof.split('.')[1] ?? 'e30', 'base64url').toString(),
  )
  return claims.jti ?? ''
}
