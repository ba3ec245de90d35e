import process from 'node:process'
import { parseArgs } from 'node:util'

type Defaults = Readonly<Record<string, number | string | boolean | readonly string[]>>
type Flags<Given extends Defaults> = {
  readonly [Name in keyof Given]: Given[Name] extends number
    ? number
    : Given[Name] extends string
      ? string
      : Given[Name] extends boolean
        ? boolean
        : readonly string[]
}

/**
 * Reads the command line. The type of a default decides what its flag takes: a number above 0, a text, nothing (`false`), or
 * a text that may be repeated (`[]`). `peakShare` is the flag `--peak-share`.
 * @throws TypeError for an unknown flag, and for a value that is not valid
 */
export function readFlags<const Given extends Defaults>(
  defaults: Given,
  args: readonly string[] = process.argv.slice(2),
): Flags<Given> {
  const options = Object.entries(defaults).map(([name, value]) => [
    flagOf(name),
    { type: typeof value === 'boolean' ? 'boolean' : 'string', multiple: typeof value === 'object' } as const,
  ])
  const values: Readonly<Record<string, unknown>> = parseArgs({
    args: [...args],
    options: Object.fromEntries(options),
  }).values
  const read = Object.entries(defaults).map(([name, fallback]) => {
    const given = values[flagOf(name)]
    const isNumber = typeof fallback === 'number' && typeof given === 'string'
    return [name, isNumber ? positive(`--${flagOf(name)}`, given) : (given ?? fallback)]
  })
  // Each value was read by the type of its default.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `Object.fromEntries` forgets the names
  return Object.fromEntries(read) as Flags<Given>
}

/** Returns the name of a flag without its dashes. */
export function flagOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** @throws TypeError if the text is not a number above 0 */
export function positive(name: string, text: string): number {
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new TypeError(`${name} must be a number above 0`)
}

/** @throws TypeError if one of the counts, by the names of their flags, is not a whole number above 0 */
export function requireWhole(counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) {
    if (!(Number.isSafeInteger(count) && count > 0))
      throw new TypeError(`${name} must be a whole number above 0`)
  }
}
