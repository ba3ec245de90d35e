/**
 * Returns true if two http(s) addresses are the same but for query and fragment, after the normalization of RFC 3986 §6.2.2 and
 * §6.2.3: the `htu` of a DPoP proof (RFC 9449 §4.3).
 */
export function isSameAddress(one: string, other: string): boolean {
  if (one === other && simple.test(one)) return true
  const normalized = normalize(one)
  return normalized !== null && normalized === normalize(other)
}

/** An address that is normalized as it stands. */
const simple = /^https?:\/\/[a-z\d.-]+(:\d+)?\/[\w\-~/]*$/

function normalize(address: string): string | null {
  const url = /^https?:\/\/[^\\\s]+$/i.test(address) ? URL.parse(address) : null
  if (!url || url.username !== '' || url.password !== '') return null
  return `${url.protocol}//${url.host}${url.pathname.replaceAll(/%[\da-f]{2}/gi, toUnreserved)}`
}

/** Decodes an octet that needs no encoding (RFC 3986 §2.3), and writes the digits of any other one in upper case. */
function toUnreserved(encoded: string): string {
  const char = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
  return /[\w.~-]/.test(char) ? char : encoded.toUpperCase()
}
