import { isLoopback } from '../base/formats.js'
import { isStringList } from '../base/json.js'

/** Returns why a value is not valid, as the rest of a sentence that its name begins; null if it is valid. */
export type Check = (value: unknown) => string | null

/** Accepts whole numbers within bounds. `unit` follows "a whole number". */
export function wholeNumber(unit: string, least: number, most: number): Check {
  const range = `must be a whole number${unit} from ${least} to ${most}`
  return (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most ? null : range
}

/** Accepts whole numbers of seconds within bounds. */
export function seconds(least: number, most: number = Number.MAX_SAFE_INTEGER): Check {
  return wholeNumber(' of seconds', least, most)
}

/** Accepts one of these words. */
export function oneOf(...words: readonly string[]): Check {
  const wanted = words.map((word) => `"${word}"`).join(' or ')
  return (value) => (words.some((word) => word === value) ? null : `must be ${wanted}`)
}

/** Accepts functions. */
export const isFunction: Check = (value) => (typeof value === 'function' ? null : 'is not a function')

/** The first characters of keys and ids of Memberstack and of PostHog, each of which is easily pasted into the wrong place. */
const prefixes = ['app_', 'sk_', 'pk_', 'whsec_', 'mem_', 'pln_', 'phc_', 'phx_']

/** Returns the prefix of another kind of key or id that a text begins with. */
function foreignPrefix(text: string, own: string): string | undefined {
  return prefixes.find((prefix) => prefix !== own && text.startsWith(prefix))
}

/** Accepts an id or a key that may have this prefix, but not that of another kind. */
export function idLike(own: string): Check {
  return (value) => {
    if (typeof value !== 'string') return `is not a text; it looks like ${own}…`
    const foreign = foreignPrefix(value, own)
    if (foreign) return `is a ${foreign}… value; it looks like ${own}…`
    if (/["'<>`]/.test(value)) return `has quotation marks or brackets in it; it looks like ${own}…`
    return /^[\x21-\x7e]{1,512}$/.test(value)
      ? null
      : `must be visible ASCII without spaces, 512 characters at most; it looks like ${own}…`
  }
}

/** Accepts a name of visible ASCII characters. */
export const isName: Check = (value) =>
  typeof value === 'string' && /^[\x21-\x7e]{1,4096}$/.test(value)
    ? null
    : 'must be a text of visible ASCII characters, without spaces'

/** Accepts the issuer of access tokens. A URL may not have a query or a fragment (RFC 8414 §2). */
export const isIssuer: Check = (value) => {
  if (isName(value) !== null || typeof value !== 'string') return isName(value)
  return !/^https?:/i.test(value) || isPlainUrl(URL.parse(value))
    ? null
    : 'is not a usable URL: it may not have a user, a password, a query or a fragment'
}

/** Accepts an http(s) URL; in production plain http to a loopback address only. */
export function urlIn(environment: 'production' | 'development', parts: 'any' | 'plain' = 'any'): Check {
  return (value) => {
    const url = typeof value === 'string' ? URL.parse(value) : null
    const isHttp = url !== null && /^https?:$/.test(url.protocol)
    if (environment === 'production' && !(isHttp && (url.protocol === 'https:' || isLoopback(url.hostname))))
      return 'must be https in production, or http to a loopback address'
    if (!isHttp) return 'must be an http(s) URL, as a text'
    if (parts === 'plain' && !isPlainUrl(url)) return 'holds a user, a password, a query or a fragment'
    return null
  }
}

function isPlainUrl(url: URL | null): boolean {
  return url !== null && `${url.username}${url.password}${url.search}${url.hash}` === ''
}

/** Accepts lists of texts that begin with `pln_`. */
export const isPlanList: Check = (value) => {
  if (!isStringList(value)) return 'is not a list of plan ids'
  return value.every((id) => /^pln_[\x21-\x7e]+$/.test(id))
    ? null
    : 'holds something that is not a plan id (pln_…, in the dashboard)'
}

/** Accepts a clock of seconds. */
export const isClock: Check = (value) => {
  if (typeof value !== 'function') return 'is not a function'
  const now: unknown = Reflect.apply(value, undefined, [])
  if (typeof now !== 'number' || !Number.isFinite(now)) return 'does not return a number of seconds'
  // The year 5138 in seconds, and 1973 in milliseconds.
  return now < 1e11 ? null : 'returns milliseconds; it has to return seconds'
}

/** Accepts a secret, or several: base64, newest first, in a list or in one text separated by commas. */
export const isSecret: Check = (value) => {
  const listed = typeof value === 'string' ? value.split(',') : value
  if (!isStringList(listed)) return 'is not a text in base64, nor a list of them: openssl rand -base64 32'
  if (listed.length === 0) return 'is an empty list: openssl rand -base64 32'
  const problems = listed.map((one, at) => {
    const problem = oneSecretProblem(one.trim())
    return problem && `${listed.length > 1 ? `${at + 1} ` : ''}${problem}: openssl rand -base64 32`
  })
  return problems.find((problem) => problem !== null) ?? null
}

/** Returns secrets or keys as a list of texts, as they were given in one text or several. Not every value is valid. */
export function listKeys(given: unknown): readonly string[] {
  return (typeof given === 'string' ? given.split(',') : [given].flat()).map((one) => String(one).trim())
}

/** Accepts the keys of operators: secrets that can have been drawn at random. */
export const isAdminKey: Check = (value) => {
  const problem = isSecret(value)
  if (problem !== null) return problem
  const keys = typeof value === 'string' ? value.split(',') : [value].flat().map(String)
  return keys.every((key) => isRandom(key.trim())) ? null : 'is not random: openssl rand -base64 32'
}

/** Returns true if a key of 32 bytes or more can have been drawn at random: such a key has about 30 different bytes. */
export function isRandom(key: string): boolean {
  return new Set(Buffer.from(key, 'base64')).size >= 16
}

function oneSecretProblem(secret: string): string | null {
  const foreign = foreignPrefix(secret, '')
  if (foreign) return `is a ${foreign}… value, which is another key`
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(secret)) return 'is not base64'
  return Buffer.from(secret, 'base64').length < 32 ? 'has fewer than 32 bytes' : null
}
