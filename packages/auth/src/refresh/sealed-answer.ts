import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'

import { field, isJsonObject, parseJsonObject } from '../base/json.js'
import type { RandomBytes } from '../base/secrets.js'
import type { RefreshOutcome } from './refresh-source.js'

/** What an upstream call came to, before its access token is verified. */
export type Settled =
  | { readonly kind: 'answered'; readonly accessToken: string; readonly refreshToken?: string }
  | Exclude<RefreshOutcome, { readonly kind: 'refreshed' }>

/** What only the presenter of a refresh token can do with the answers kept for it. */
export interface AnswerSeal {
  /** Names the token in stores and limits; tells nothing of it, and opens nothing. */
  readonly key: string
  seal(settled: Settled): string
  /** Null when it was not sealed for this refresh token. */
  open(sealed: string): Settled | null
}

const nameLength = 32
const sealKeyLength = 32
const nonceLength = 12
const tagLength = 16
const kinds: ReadonlySet<unknown> = new Set<Settled['kind']>(['answered', 'refused', 'unavailable'])

/**
 * Derives (HKDF, RFC 5869) from a refresh token the name its answers are kept under and, independently, the AES-256-GCM
 * key they are sealed with: a copy of the store holds both names and answers, and yields no token.
 */
export function createAnswerSeal(refreshToken: string, randomBytes: RandomBytes): AnswerSeal {
  // One derivation for both: whoever knows a part of HKDF's output knows nothing of the rest.
  const derived = Buffer.from(
    hkdfSync('sha256', refreshToken, '', 'perennial shared answer', nameLength + sealKeyLength),
  )
  const key = derived.toString('base64url', 0, nameLength)
  // Not as bytes: Node 24 finds out by exceptions that they are no KeyObject.
  const sealKey = createSecretKey(derived.subarray(nameLength))

  return {
    key,
    seal(settled) {
      const nonce = randomBytes(nonceLength)
      const cipher = createCipheriv('aes-256-gcm', sealKey, nonce).setAAD(Buffer.from(key))
      const body = Buffer.concat([cipher.update(JSON.stringify(settled), 'utf8'), cipher.final()])
      return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64url')
    },
    open(sealed) {
      const text = unseal(sealKey, key, Buffer.from(sealed, 'base64url'))
      const settled: unknown = text === null ? null : parseJsonObject(text)
      return isSettled(settled) ? settled : null
    },
  }
}

/** Looks at the kind only: nothing but `seal` writes what opens under a key of this token. */
function isSettled(value: unknown): value is Settled {
  return isJsonObject(value) && kinds.has(field(value, 'kind'))
}

function unseal(sealKey: KeyObject, context: string, bytes: Buffer): string | null {
  if (bytes.length < nonceLength + tagLength) return null
  const decipher = createDecipheriv('aes-256-gcm', sealKey, bytes.subarray(0, nonceLength), {
    authTagLength: tagLength,
  })
  decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-tagLength))
  const body = decipher.update(bytes.subarray(nonceLength, -tagLength))
  try {
    return Buffer.concat([body, decipher.final()]).toString('utf8')
  } catch {
    // `final` throws on nothing but a wrong tag: the answer "not sealed for this token".
    return null
  }
}
