import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../base/time.js'
import type { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { Reason } from '../base/reasons.js'

/** A webhook as it was received. */
export interface WebhookDelivery {
  /** One header by its lower-case name. */
  readonly header: (name: string) => string | undefined
  /** The body, byte for byte: the signature is over it. */
  readonly rawBody: Uint8Array
}

/** Older or newer messages than this are refused, in seconds. */
const toleranceSeconds = 300

/** Verifies a signature over the bytes as they were received, by the clock that is passed in. */
export interface SignatureCheck {
  /** The `svix-id`. @throws {@link AuthError} `AUTH_WEBHOOK_INVALID` */
  (delivery: WebhookDelivery): string
}

/**
 * Checks Svix signatures: HMAC-SHA256 over `svix-id.svix-timestamp.body`, one of several `v1,` signatures, no further than
 * 300 s from now.
 * @param secret - `whsec_` and at least 16 bytes in base64
 * @throws TypeError when the secret is no such thing
 */
export function createSignatureCheck(secret: string, clock: Clock): SignatureCheck {
  const key = keyFrom(secret)
  return ({ header, rawBody }) => {
    const id = header('svix-id') ?? ''
    const sentAt = header('svix-timestamp') ?? ''
    if (!/^[\x21-\x7e]{1,256}$/.test(id) || !/^\d{1,12}$/.test(sentAt)) throw webhookInvalid('headers')
    if (Math.abs(clock() - Number(sentAt)) > toleranceSeconds) throw webhookInvalid('timestamp')
    const expected = createHmac('sha256', key).update(`${id}.${sentAt}.`).update(rawBody).digest()
    if (!isSignedWith(expected, header('svix-signature') ?? '')) throw webhookInvalid('signature')
    return id
  }
}

/** Returns the error of a webhook that is not accepted. `reason` is for the log. */
export function webhookInvalid(reason: Reason): AuthError {
  return failure('webhookInvalid', { reason })
}

function keyFrom(secret: string): Uint8Array {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1] ?? ''
  const key = Buffer.from(encoded, 'base64')
  if (key.length < 16)
    throw new TypeError('the webhook secret must be "whsec_" and at least 16 bytes in base64')
  return key
}

/** Compares all signatures, so that the time does not reveal which one is valid. */
function isSignedWith(expected: Uint8Array, header: string): boolean {
  const fitting = header.split(' ').filter((part) => {
    const [version, signature = ''] = part.split(',', 2)
    const given = Buffer.from(signature, 'base64')
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected)
  })
  return fitting.length > 0
}
