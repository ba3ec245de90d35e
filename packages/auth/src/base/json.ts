/** A JSON object; not an array, a scalar or null. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Returns true if a parsed JSON value is an object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Parses a text as a JSON object. Returns null for every other text. Never throws. */
export function parseJsonObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) ? value : null
  } catch {
    // JSON.parse throws only on text that is not JSON, which is the answer null.
    return null
  }
}

/** Returns an own field of an object, never an inherited one. */
export function field(object: JsonObject | null, name: string): unknown {
  return object !== null && Object.hasOwn(object, name) ? object[name] : undefined
}

/** Returns true if the value is an array of strings. */
export function isStringList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** Freezes a JSON value at every depth, and returns it. */
export function deepFreeze<T extends object>(value: T): T {
  const open: object[] = [value]
  for (let next = open.pop(); next; next = open.pop()) {
    if (Object.isFrozen(next)) continue
    Object.freeze(next)
    open.push(...Object.values(next).filter((part) => typeof part === 'object' && part !== null))
  }
  return value
}
