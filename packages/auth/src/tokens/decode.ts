import { isUtf8 } from 'node:buffer'

import { parseJsonObject, type JsonObject } from '../base/json.js'
import { maxTokenLength } from '../base/formats.js'

/** The two JSON parts of a token. They are not verified, so they prove nothing. */
export interface DecodedToken {
  readonly header: JsonObject
  readonly claims: JsonObject
}

const compactForm = /^[\w-]+\.[\w-]+\.[\w-]*$/

/**
 * Reads a compact JWS (RFC 7515 §7.1) in its canonical form: three base64url parts without padding, white space or stray
 * trailing bits, at most {@link maxTokenLength} characters, header and payload JSON objects. So one token has one string,
 * which a cache may use as its key. Returns null for anything else; never throws.
 */
export function decodeToken(token: string): DecodedToken | null {
  if (typeof token !== 'string' || token.length > maxTokenLength || !compactForm.test(token)) return null
  const headerEnd = token.indexOf('.')
  const payloadEnd = token.indexOf('.', headerEnd + 1)
  if (!isCanonical(token.slice(payloadEnd + 1))) return null
  const header = decodeJson(token.slice(0, headerEnd))
  const claims = header && decodeJson(token.slice(headerEnd + 1, payloadEnd))
  return header && claims ? { header, claims } : null
}

function decodeJson(part: string): JsonObject | null {
  if (!isCanonical(part)) return null
  const bytes = Buffer.from(part, 'base64url')
  return isUtf8(bytes) ? parseJsonObject(bytes.toString('utf8')) : null
}

/** Returns true if the last character has no bits beyond the last byte (RFC 4648 §3.5). The alphabet was checked before. */
function isCanonical(part: string): boolean {
  switch (part.length % 4) {
    case 0:
      return true
    case 2:
      return 'AQgw'.includes(part.slice(-1))
    case 3:
      return 'AEIMQUYcgkosw048'.includes(part.slice(-1))
    default:
      return false
  }
}
