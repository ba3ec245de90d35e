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
