import { isJsonObject, type JsonObject } from '../base/json.js'

/**
 * The claims that only Perennial sets: those of RFC 7519 §4.1 and RFC 9068 §2.2, the confirmation claim (RFC 7800), and our own. A claim of one of
 * these names would change who a token is for, how long it is valid, or what its session is.
 */
const reservedClaims: ReadonlySet<string> = new Set(
  'iss sub aud exp nbf iat jti client_id cnf sid gen mra epoch email email_verified roles customFields'.split(
    ' ',
  ),
)

/** The most bytes of JSON (UTF-8) that extra claims may have. The rest of the token needs about 1,000 of its 4,096 characters. */
const extraClaimsLimit = 2048

/**
 * Returns what is wrong with extra claims of access tokens, or null. The text follows the name of the setting:
 * `claimsOf` + ` returned …`.
 */
export function extraClaimsProblem(claims: unknown): string | null {
  if (!isPlainObject(claims)) return 'is not a JSON object of claims, such as {"role":"authenticated"}'
  const reserved = Object.keys(claims).filter((name) => reservedClaims.has(name) || name === '')
  if (reserved.length > 0)
    return `holds ${reserved.map((name) => `"${name}"`).join(', ')}, which Perennial sets itself`
  const unfit = Object.keys(claims).filter((name) => !isJsonValue(claims[name]))
  if (unfit.length > 0) return `holds ${unfit.join(', ')}, which JSON has no form for`
  const length = Buffer.byteLength(JSON.stringify(claims))
  return length > extraClaimsLimit ? `has ${length} bytes of JSON; at most ${extraClaimsLimit} fit` : null
}

function isPlainObject(value: unknown): value is JsonObject {
  if (!isJsonObject(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Returns true for a value that is the same after a way through JSON. A loop of references is none: it is too deep. */
function isJsonValue(value: unknown, depth = 0): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (depth > 10) return false
  const parts = Array.isArray(value) ? value : isPlainObject(value) && Object.values(value)
  return parts && parts.every((part) => isJsonValue(part, depth + 1))
}
