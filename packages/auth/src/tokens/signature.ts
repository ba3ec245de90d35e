import { verify } from 'node:crypto'
import { promisify } from 'node:util'

import { packSignature } from './ecdsa-der.js'
import type { VerificationKey } from './verification-key.js'

const verifyOffThread = promisify(verify)

/**
 * Whether this key made the signature of a compact JWS (RFC 7515 §5.2), by the one algorithm that the key is for; worked
 * out beside the main thread, so that forgeries keep nobody waiting. node:crypto is asked directly, and for ECDSA in DER: by way of
 * WebCrypto, or with options, it takes up to twice the CPU and several times as much of the main thread.
 */
export async function isSignedBy(token: string, { algorithm, publicKey }: VerificationKey): Promise<boolean> {
  const end = token.lastIndexOf('.')
  const raw = Buffer.from(token.slice(end + 1), 'base64url')
  const signature = algorithm === 'ES256' ? packSignature(raw) : raw
  return (
    signature !== null && verifyOffThread('sha256', Buffer.from(token.slice(0, end)), publicKey, signature)
  )
}
