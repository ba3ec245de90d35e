import { isUtf8 } from 'node:buffer'

import { parseJsonObject, type JsonObject } from '../base/json.js'
import { maxTokenLength } from '../base/formats.js'

/** The two JSON parts of a token. They are not verified, so they prove nothing. */
export interface DecodedToken {
  readonly header: JsonObject
  readonly claims: JsonObject
}

const compactForm = /^[\w-]+\.[\w-]+\.[\w-]*$/

/** The first two parts of a compact JWS, in base64url. */
export interface TokenParts {
  readonly header: string
  readonly payload: string
}

/**
 * Reads a compact JWS (RFC 7515 §7.1) in its canonical form: three base64url parts without padding, white space or stray
 * trailing bits, at most {@link maxTokenLength} characters, header and payload JSON objects. So one token has one string,
 * which a cache may use as its key. Returns null for anything else; never throws.
 */
export function decodeToken(token: string): DecodedToken | null {
  const parts = splitToken(token)
  const header = parts && decodePart(parts.header)
  const claims = header && decodePart(parts.payload)
  return claims && { header, claims }
}

/** Splits a compact JWS, as {@link decodeToken} does, before its two JSON parts are read. */
export function splitToken(token: string): TokenParts | null {
  if (typeof token !== 'string' || token.length > maxTokenLength || !compactForm.test(token)) return null
  const headerEnd = token.indexOf('.')
  const payloadEnd = token.indexOf('.', headerEnd + 1)
  if (!isCanonical(token.slice(payloadEnd + 1))) return null
  return { header: token.slice(0, headerEnd), payload: token.slice(headerEnd + 1, payloadEnd) }
}

/** Reads one JSON part of a token. Returns null for anything but a JSON object in its canonical form. */
export function decodePart(part: string): JsonObject | null {
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
