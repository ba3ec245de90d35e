import sdk from '@memberstack/dom'
import { createSession, type Session } from '@perennial/client'

const { VITE_PERENNIAL_URL, VITE_MEMBERSTACK_PUBLIC_KEY, VITE_MEMBERSTACK_URL } = import.meta.env

export const memberstack = sdk.init({
  publicKey: VITE_MEMBERSTACK_PUBLIC_KEY,
  // Only for the emulator. Without it, the SDK uses Memberstack's own address.
  ...(VITE_MEMBERSTACK_URL && { domain: VITE_MEMBERSTACK_URL }),
})

/** One session for the whole page. It signs in and out when Memberstack's SDK does. */
export const session: Session = createSession({ serviceUrl: VITE_PERENNIAL_URL, memberstack })
