import ipaddr from 'ipaddr.js'

const longestAddress = 64
const unknownKey = 'unknown'

/**
 * Returns the key under which an address is counted. An IPv4 address is its own key. An IPv6 address counts as its /64,
 * which is what one subscriber gets (RFC 6177 §2), except where it carries an IPv4 address, and counts as that ({@link embeddedIpv4}).
 * Zone ids, brackets and ports, as some proxies write them, are left out. Text that is not an address has the key
 * `unknown`, which is limited like one address.
 */
export function addressKey(address: string): string {
  if (address.length > longestAddress) return unknownKey
  const bare = withoutPort(address.trim()).replace(/%.*$/s, '')
  // The four-part form alone: the parser also takes `1` and `0x7f.1`, which no peer address looks like.
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return bare
  if (!ipaddr.IPv6.isValid(bare)) return unknownKey

  const { parts } = ipaddr.IPv6.parse(bare)
  const embedded = embeddedIpv4(parts)
  if (embedded) return embedded.map((part) => `${part >> 8}.${part & 0xff}`).join('.')
  return `${parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':')}::/64`
}

/**
 * Returns the two groups of the IPv4 address that an IPv6 address carries. Many of these share a /64, so that everyone
 * behind one translator would have one key:
 * - IPv4-mapped, `::ffff:0:0/96` (RFC 4291 §2.5.5.2)
 * - NAT64, `64:ff9b::/96` (RFC 6052 §2.1), and the last 32 bits of the local-use `64:ff9b:1::/48` (RFC 8215)
 * - 6to4, `2002::/16` (RFC 3056 §2), and Teredo, `2001::/32`, where the bits of the client's are inverted (RFC 4380 §4)
 */
function embeddedIpv4(parts: readonly number[]): readonly number[] | null {
  const [first, second] = parts
  const startsWith = (...groups: readonly number[]) => groups.every((group, at) => parts[at] === group)
  if (first === 0x2002) return parts.slice(1, 3)
  if (first === 0x2001 && second === 0) return parts.slice(6).map((part) => part ^ 0xffff)
  const isLast =
    startsWith(0, 0, 0, 0, 0, 0xffff) || startsWith(0x64, 0xff9b, 0, 0, 0, 0) || startsWith(0x64, 0xff9b, 1)
  return isLast ? parts.slice(6) : null
}

function withoutPort(address: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(address)
  if (bracketed) return bracketed[1] ?? ''
  const ipv4 = /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(address)
  return ipv4?.[1] ?? address
}
