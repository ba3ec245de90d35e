import { isRandom } from '@perennial/auth'
import * as v from 'valibot'

/** Parses the text of one variable. The message of an issue follows the variable's name: `PORT` + ` is not …`. */
export type SettingSchema<Value> = v.GenericSchema<string, Value>

/** Accepts visible ASCII without spaces, as in ids and keys. */
export function word(): SettingSchema<string> {
  return v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,4096}$/, 'has a space or a character that is not ASCII'))
}

/** Accepts a {@link word} that is short enough for a header. */
function key(): SettingSchema<string> {
  return v.pipe(word(), v.maxLength(512, 'is longer than 512 characters'))
}

/** The first characters of ids and keys, each of which is easily pasted into the wrong line. */
const prefixes = ['app_', 'sk_', 'pk_', 'whsec_', 'mem_', 'pln_', 'phc_', 'phx_']

/** Text that stands for a value in documents and examples. */
const placeholder = /^(<.*>|([a-z]+_)?(\.{3}|x{3,}|your[-_].*)|change[-_]?me)$/i

/** Accepts a {@link key} with this prefix or without one, but not with that of another kind. */
export function idLike(own: string): SettingSchema<string> {
  return v.pipe(
    key(),
    ...notForeign(own),
    v.check((id) => !placeholder.test(id), 'is a placeholder of an example'),
  )
}

function notForeign(own: string) {
  const foreignIn = (id: string) => prefixes.find((prefix) => prefix !== own && id.startsWith(prefix))
  return [
    v.check<string, (issue: { readonly input: string }) => string>(
      (id) => foreignIn(id) === undefined,
      ({ input }) => `begins with ${foreignIn(input)}: that is another key`,
    ),
  ] as const
}

/** Accepts the id of a Memberstack plan. */
export function planId(): SettingSchema<string> {
  return v.pipe(
    word(),
    v.startsWith('pln_', 'holds something that is not a plan id (pln_…, in the dashboard)'),
  )
}

/** Accepts a secret of at least `minBytes` bytes in base64 or base64url. */
export function secret(minBytes: number): SettingSchema<string> {
  return v.pipe(
    v.string(),
    v.check(
      (text) => !/[$`]\(?/.test(text),
      'holds a command, which only a shell runs: run it, and set its output',
    ),
    ...notForeign(''),
    v.regex(/^[A-Za-z0-9+/_-]+={0,2}$/, 'is not base64'),
    v.check((text) => Buffer.from(text, 'base64').length >= minBytes, `has fewer than ${minBytes} bytes`),
  )
}

/** Accepts a key of operators: a secret of 32 bytes that can have been drawn at random. */
export function adminKey(): SettingSchema<string> {
  return v.pipe(secret(32), v.check(isRandom, 'is not random'))
}

/** Accepts a webhook's signing secret as Svix issues it: `whsec_` and base64. */
export function webhookSecret(): SettingSchema<string> {
  return v.pipe(
    v.string(),
    v.regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'is not a Svix signing secret (whsec_ and base64)'),
    v.check((text) => Buffer.from(text.replace(/^whsec_/, ''), 'base64').length >= 16, 'is too short'),
  )
}
