import ipaddr from 'ipaddr.js'

const longestAddress = 64
const unknownKey = 'unknown'

/**
 * The key an address is counted under: an IPv4 address is its own, an IPv6 address that of its /64, which is what one
 * subscriber gets (RFC 6177 §2), an IPv4-mapped one (RFC 4291 §2.5.5.2) that of the IPv4 address. Zone ids, brackets and
 * ports, as some proxies write them, are left out. What is no address shares the key `unknown`, limited like one address.
 */
export function addressKey(address: string): string {
  if (address.length > longestAddress) return unknownKey
  const bare = withoutPort(address.trim()).replace(/%.*$/s, '')
  // The four-part form alone: the parser also takes `1` and `0x7f.1`, which no peer address looks like.
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return bare
  if (!ipaddr.IPv6.isValid(bare)) return unknownKey

  const ipv6 = ipaddr.IPv6.parse(bare)
  if (ipv6.isIPv4MappedAddress()) return ipv6.toIPv4Address().toString()
  const network = ipv6.parts.slice(0, 4).map((part) => part.toString(16))
  return `${network.join(':')}::/64`
}

function withoutPort(address: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(address)
  if (bracketed) return bracketed[1] ?? ''
  const ipv4 = /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(address)
  return ipv4?.[1] ?? address
}
