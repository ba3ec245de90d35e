import { isIP } from 'node:net'
import { redisAddressProblem } from '@perennial/auth'
import * as v from 'valibot'
import { isHttpUrl } from './urls.js'

/** Reads the text of one variable. An issue's message goes on from the variable's name: `PORT` + ` is not …`. */
export type SettingSchema<Value> = v.GenericSchema<string, Value>

/** A whole number within bounds, both included. */
export function wholeNumber(min: number, max: number): SettingSchema<number> {
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,15}$/, 'is not a whole number'),
    v.transform(Number),
    v.minValue(min, `is below ${min}`),
    v.maxValue(max, `is above ${max}`),
  )
}

/** One of these words. */
export function oneOf<const Word extends string>(words: readonly Word[]): SettingSchema<Word> {
  return v.picklist(words, `is not one of ${words.join(', ')}`)
}

/** Visible ASCII without spaces, as ids and keys are. */
export function word(): SettingSchema<string> {
  return v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,4096}$/, 'has a space or a character that is not ASCII'))
}

/** A {@link word} of a length that fits into a header. */
function key(): SettingSchema<string> {
  return v.pipe(word(), v.maxLength(512, 'is longer than 512 characters'))
}

/** A {@link key} that does not begin with another key's prefix: those are easily pasted into the wrong line. */
export function idUnlike(prefixes: readonly string[]): SettingSchema<string> {
  return v.pipe(
    key(),
    v.check(
      (id) => !prefixes.some((prefix) => id.startsWith(prefix)),
      ({ input }) =>
        `begins with ${prefixes.find((prefix) => input.startsWith(prefix))}: that is another key`,
    ),
  )
}

/** A host to listen on: a name or an address, without scheme or port. */
export function listenHost(): SettingSchema<string> {
  return v.pipe(
    v.string(),
    v.check(
      (host) => isIP(host) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(host),
      'is not a host name or an address',
    ),
  )
}

/** An absolute http(s) URL without user, password, query or fragment: none of them belongs into settings that are logged. */
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

/** A comma-separated list without empty places. */
export function listOf(item: SettingSchema<string>): SettingSchema<string[]> {
  return v.pipe(
    v.string(),
    v.transform((text) => text.split(',').map((part) => part.trim())),
    v.check((items) => items.every((part) => part !== ''), 'has an empty place between its commas'),
    v.array(item),
  )
}

/** An origin as browsers send it (RFC 6454 §6.2), or `*`. */
export function origin(): SettingSchema<string> {
  return v.pipe(
    v.string(),
    v.check(
      (text) => text === '*' || (isHttpUrl(text) && new URL(text).origin === text),
      'holds something that is not an origin (scheme, host and port in lower case; no path, not even a last slash)',
    ),
  )
}

/** A secret of at least 32 bytes in base64 or base64url. */
export function secret(minBytes: number): SettingSchema<string> {
  return v.pipe(
    v.string(),
    v.regex(/^[A-Za-z0-9+/_-]+={0,2}$/, 'is not base64'),
    v.check((text) => Buffer.from(text, 'base64').length >= minBytes, `has fewer than ${minBytes} bytes`),
  )
}

/** How many proxies stand before us, or which. Trusting everyone would let anyone choose his own address. */
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

const redisForms =
  'redis://user:password@host:6379/0, rediss://… for TLS, …?sentinel=<master>&node=<host>:<port>, …?cluster&node=<host>:<port>'

function redisProblem(text: string): string | null {
  return text.startsWith('redis') ? redisAddressProblem(text) : null
}

/** Where sessions are kept. */
export function storeUrl(): SettingSchema<string> {
  return v.pipe(
    v.string(),
    v.check(
      (text) => text === 'memory:' || /^(sqlite:.|rediss?:\/\/.)/.test(text),
      'is none of sqlite:<file>, memory:, redis://… and rediss://…',
    ),
    // `sqlite://data/x.db` would name a host, and SQLite itself takes `:memory:` and `file:` for something else.
    v.check(
      (text) => !/^sqlite:(\/\/[^/]|:|file:)/.test(text),
      'names no file: after sqlite: stands its path, such as ./data/perennial.db or /data/perennial.db',
    ),
    v.check(
      (text) => redisProblem(text) === null,
      ({ input }) => `${redisProblem(input)} (for Redis: ${redisForms})`,
    ),
  )
}

/** A Sentry DSN: an http(s) URL with the public key as its user and the project as its path. */
export function sentryDsn(): SettingSchema<string> {
  return v.pipe(
    v.string(),
    v.check(
      (text) => isHttpUrl(text) && new URL(text).username !== '' && /\/\d+$/.test(new URL(text).pathname),
      'is not a Sentry DSN',
    ),
  )
}

/** The signing secret of a webhook as Svix hands it out: `whsec_` and base64. */
export function webhookSecret(): SettingSchema<string> {
  return v.pipe(
    v.string(),
    v.regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'is not a Svix signing secret (whsec_ and base64)'),
    v.check((text) => Buffer.from(text.replace(/^whsec_/, ''), 'base64').length >= 16, 'is too short'),
  )
}
