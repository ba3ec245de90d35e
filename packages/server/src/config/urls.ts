import { isLoopback } from '@perennial/auth'

/** Returns true for an absolute http(s) URL. */
export function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text)
}

/** Returns true if traffic to this URL can be read on the way: plain http to a host that is not a loopback address. */
export function isPlainHttpElsewhere(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && !isLoopback(hostname)
}
