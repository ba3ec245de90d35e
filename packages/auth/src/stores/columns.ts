/** A row of an answer, by column names. Whole numbers may be numbers, bigints or texts: drivers differ. */
export type Row = Readonly<Record<string, unknown>>

// PostgreSQL keeps every text but those with a NUL. JavaScript also has texts with half of a surrogate pair, which are no UTF-8.
const special = /[\\\0\p{Surrogate}]/gu

/** Returns a text as a column holds it: NUL, backslash and half surrogate pairs are written as `\uXXXX`. */
export function toColumn(text: string): string
export function toColumn(text: string | null): string | null
export function toColumn(text: string | null): string | null {
  if (text === null) return null
  return text.replace(special, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Reads a text that `toColumn` wrote; an empty one for null. */
export function textOf(row: Row | undefined, column: string): string {
  return textOrNull(row, column) ?? ''
}

/** Reads a text that `toColumn` wrote, or null. */
export function textOrNull(row: Row | undefined, column: string): string | null {
  const value = row?.[column]
  if (typeof value !== 'string') return null
  return value.replace(/\\u([0-9a-f]{4})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  )
}

/** Reads a whole number, which a driver returns as a number, a bigint or a text; 0 for null. */
export function numberOf(row: Row | undefined, column: string): number {
  return numberOrNull(row, column) ?? 0
}

/** Reads a whole number, or null. */
export function numberOrNull(row: Row | undefined, column: string): number | null {
  const value = row?.[column]
  if (value === null || value === undefined) return null
  return Number(value)
}
