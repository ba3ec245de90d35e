import { createSecretKey, hkdfSync } from 'node:crypto'
import { nonceLength, seal, unseal } from '../base/sealing.js'

import { field, isJsonObject, parseJsonObject } from '../base/json.js'
import type { RandomBytes } from '../base/secrets.js'
import type { RefreshOutcome } from './refresh-source.js'

/** The result of an upstream call, before its access token is verified. */
export type Settled =
  | { readonly kind: 'answered'; readonly accessToken: string; readonly refreshToken?: string }
  | Exclude<RefreshOutcome, { readonly kind: 'refreshed' }>

/** Seals and opens the answers kept for a refresh token. Only a caller that presents the token can do either. */
export interface AnswerSeal {
  /** The name of the token in stores and limits. It reveals nothing about the token, and opens nothing. */
  readonly key: string
  seal(settled: Settled): string
  /** Returns null if the text was not sealed for this refresh token. */
  open(sealed: string): Settled | null
}

const nameLength = 32
const sealKeyLength = 32
const kinds: ReadonlySet<unknown> = new Set<Settled['kind']>(['answered', 'refused', 'unavailable'])

/**
 * Derives (HKDF, RFC 5869) from a refresh token the name its answers are kept under and, independently, the AES-256-GCM
 * key that seals them. A copy of the store has both names and answers, and yields no token.
 */
export function createAnswerSeal(refreshToken: string, randomBytes: RandomBytes): AnswerSeal {
  // One derivation for both: a part of HKDF's output reveals nothing about the rest.
  const derived = Buffer.from(
    hkdfSync('sha256', refreshToken, '', 'perennial shared answer', nameLength + sealKeyLength),
  )
  const key = derived.toString('base64url', 0, nameLength)
  const sealKey = createSecretKey(derived.subarray(nameLength))

  return {
    key,
    seal: (settled) =>
      seal(sealKey, {
        context: key,
        text: JSON.stringify(settled),
        nonce: randomBytes(nonceLength),
      }).toString('base64url'),
    open(sealed) {
      const text = unseal(sealKey, key, Buffer.from(sealed, 'base64url'))
      const settled: unknown = text === null ? null : parseJsonObject(text)
      return isSettled(settled) ? settled : null
    },
  }
}

/** Checks the kind only: nothing but `seal` writes a text that opens under the key of this token. */
function isSettled(value: unknown): value is Settled {
  return isJsonObject(value) && kinds.has(field(value, 'kind'))
}
