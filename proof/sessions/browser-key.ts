import { proveDevice } from '../../packages/auth/test/kit/device-browser.ts'
import { createProver } from '../../packages/auth/test/kit/proofs.ts'

/** The browser keeps the cookie for so long, in seconds, and the service takes it for a minute more. */
export const keptByBrowserSeconds = 600
export const keptByServiceSeconds = 660

/** A cookie that shows a key. */
export interface ShortCookie {
  readonly text: string
  readonly setAt: number
}

/** The part of the browser that nobody can copy, and what a thief may have seen of its requests. */
export interface DeviceBrowser {
  /** The challenge of the sign-in, until a registration was sent. */
  challenge: string | null
  /** The name of the session that it renews; null without one. */
  identifier: string | null
  /** The proof of a renewal whose answer was lost: it is sent again. */
  unanswered: string | null
  /** The last proofs that the service has taken. */
  readonly taken: { register: string | null; renew: string | null }
}

/** Creates a browser after its sign-in. */
export function createDeviceBrowser(): DeviceBrowser {
  return { challenge: null, identifier: null, unanswered: null, taken: { register: null, renew: null } }
}

/** Makes the proof of a challenge. */
type Prove = (challenge: string, phase: 'register' | 'renew') => string

/** The keys of a world. */
export interface DeviceKeysOfWorld {
  readonly browser: Prove
  readonly thief: Prove
  /** The thumbprint of the browser's key. */
  readonly jkt: string
}

/** Creates the keys of a world. A proof of one challenge is made once: the same runs are taken many times. */
export function createDeviceKeys(): DeviceKeysOfWorld {
  const browser = createProver()
  const thief = createProver()
  const memo = (prover: typeof browser): Prove => {
    const made = new Map<string, string>()
    return (challenge, phase) => {
      const header = phase === 'renew' ? { jwk: undefined } : {}
      const proof = made.get(`${phase} ${challenge}`) ?? proveDevice(prover, challenge, { header })
      made.set(`${phase} ${challenge}`, proof)
      return proof
    }
  }
  return { browser: memo(browser), thief: memo(thief), jkt: browser.jkt }
}

/** Returns a text that is equal only for browsers with the same future. */
export function describeBrowser(browser: DeviceBrowser | undefined): readonly boolean[] | null {
  if (!browser) return null
  const { challenge, identifier, unanswered, taken } = browser
  return [challenge, identifier, unanswered, taken.register, taken.renew].map((text) => text !== null)
}

/** Returns true if the service takes this cookie now. */
export function isShownNow(short: ShortCookie | null, now: number): boolean {
  return short !== null && now < short.setAt + keptByServiceSeconds
}
