/** A member as `authenticate` puts it on a request. */
export interface MemberstackUser {
  readonly userId: string
  readonly email: string
  readonly roles: readonly string[]
  readonly customFields: Readonly<Record<string, unknown>>
}

const memberIdPattern = /^mem_[A-Za-z0-9_-]{1,128}$/

/** Returns true if the value has the form of a Memberstack member id, and so may stand in a URL. */
export function isMemberId(value: unknown): value is string {
  return typeof value === 'string' && memberIdPattern.test(value)
}

/** Tokens with more characters than this are refused without being read. */
export const maxTokenLength = 4096

const visibleAscii = /^[\x21-\x7e]+$/

/**
 * Returns true if a value can be a token at all: a string of visible ASCII characters that is neither empty nor too long.
 * RFC 6750 §2.1 allows fewer characters; the verifier checks further.
 */
export function isUsableToken(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxTokenLength && visibleAscii.test(value)
}

/** Returns true if a host, as in `URL.hostname`, is a loopback address: traffic to it never leaves this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
