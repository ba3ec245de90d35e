import { isIP } from 'node:net'
import {
  extraClaimsProblem,
  isLoopback,
  isProxyUrl,
  parseStoreAddress,
  type StoreAddress,
  storeAddressProblem,
  storePrefixProblem,
} from '@perennial/auth'
import * as v from 'valibot'
import { word, type SettingSchema } from './key-kinds.js'

/** Accepts a whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): SettingSchema<number> {
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,15}$/, 'is not a whole number'),
    v.transform(Number),
    v.minValue(min, `is below ${min}`),
    v.maxValue(max, `is above ${max}`),
  )
}

/** Accepts one of these words. */
export function oneOf<const Word extends string>(words: readonly Word[]): SettingSchema<Word> {
  return v.picklist(words, `is not one of ${words.join(', ')}`)
}

/** Accepts a host to listen on: a name or an address, without scheme or port. */
export function listenHost(): SettingSchema<string> {
  return v.pipe(
    v.string(),
    v.check(
      (host) => isIP(host) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(host),
      'is not a host name or an address',
    ),
  )
}

/** Accepts the {@link httpUrl} of the admin API, below which the paths of its calls are. */
export function adminUrl(): SettingSchema<string> {
  return v.pipe(
    httpUrl(),
    v.check((url) => !/\/members(\/|$)/.test(new URL(url).pathname), 'holds the path of a call'),
  )
}

/** Accepts an absolute http(s) URL. It may not have a user, password, query or fragment, since settings are logged. */
export function httpUrl(): SettingSchema<string> {
  return v.pipe(
    v.string(),
    v.check(isHttpUrl, 'is not an http(s) URL'),
    v.check((url) => {
      const { username, password, search, hash } = new URL(url)
      return `${username}${password}${search}${hash}` === ''
    }, 'holds a user, a password, a query or a fragment'),
  )
}

/** Accepts the URL of a proxy for outgoing calls, which may hold a user and a password. */
export function proxyUrl(): SettingSchema<string> {
  return v.pipe(v.string(), v.check(isProxyUrl, 'is not the http(s) URL of a proxy'))
}

/**
 * Accepts the issuer of access tokens: a word, or an http(s) URL. A URL may not have a query or a fragment (RFC 8414 §2), since other
 * programs find the key set below it.
 */
export function issuer(): SettingSchema<string> {
  return v.pipe(
    word(),
    v.check(
      (text) => !/^https?:/i.test(text) || v.is(httpUrl(), text),
      'is not a usable URL: it may not have a user, a password, a query or a fragment',
    ),
  )
}

/** Accepts extra claims of access tokens, as a JSON object. */
export function extraClaims(): SettingSchema<Readonly<Record<string, unknown>>> {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const claims = parseJson(dataset.value)
      const problem = extraClaimsProblem(claims)
      if (problem === null && typeof claims === 'object') return { ...claims }
      addIssue({ message: problem ?? '' })
      return NEVER
    }),
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // JSON.parse throws only on text that is not JSON. It is refused as any other text that is not an object.
    return null
  }
}

/** Accepts a comma-separated list without empty items. */
export function listOf(item: SettingSchema<string>): SettingSchema<string[]> {
  return v.pipe(
    v.string(),
    v.transform((text) => text.split(',').map((part) => part.trim())),
    v.check((items) => items.every((part) => part !== ''), 'has an empty item between its commas'),
    v.array(item),
  )
}

/** Accepts an origin as browsers send it (RFC 6454 §6.2), or `*`. */
export function origin(): SettingSchema<string> {
  return v.pipe(
    v.string(),
    v.check(
      (text) => text === '*' || !text.includes('*'),
      'holds a wildcard: name each origin, or * for all of them',
    ),
    v.check(
      (text) => text === '*' || (isHttpUrl(text) && new URL(text).origin === text),
      'holds something that is not an origin (scheme, host and port in lower case; no path and no trailing slash)',
    ),
  )
}

/** Accepts a number of proxies, or their addresses. There is no value for all: any caller could then choose its address. */
export function trustedProxies(): SettingSchema<number | string[]> {
  return v.pipe(
    v.string(),
    v.transform((text) =>
      /^\d{1,2}$/.test(text) ? Number(text) : text.split(',').map((part) => part.trim()),
    ),
    v.check(
      (proxies) => (typeof proxies === 'number' ? proxies <= 32 : proxies.every(isNetwork)),
      'is neither a number of proxies (0 to 32) nor a list of addresses and networks',
    ),
  )
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  if (bits === undefined) return true
  return /^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)
}

/** The address of the store. */
export function storeAddress(): SettingSchema<StoreAddress> {
  return v.pipe(
    v.string(),
    v.check(
      (text) => storeAddressProblem(text) === null,
      ({ input }) => storeAddressProblem(input) ?? '',
    ),
    v.transform(parseStoreAddress),
  )
}

/** Accepts the first part of the keys of a store. */
export function storePrefix(): SettingSchema<string> {
  return v.pipe(
    v.string(),
    v.check(
      (text) => storePrefixProblem(text) === null,
      ({ input }) => storePrefixProblem(input) ?? '',
    ),
  )
}

/** Accepts a Sentry DSN: an http(s) URL with the public key as its user and the project as its path. */
export function sentryDsn(): SettingSchema<string> {
  return v.pipe(
    v.string(),
    v.check(
      (text) => isHttpUrl(text) && new URL(text).username !== '' && /\/\d+$/.test(new URL(text).pathname),
      'is not a Sentry DSN',
    ),
  )
}

/** Returns true for an absolute http(s) URL. */
function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text)
}

/** Returns true if traffic to this URL can be read on the way: plain http to a host that is not a loopback address. */
export function isPlainHttpElsewhere(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && !isLoopback(hostname)
}
