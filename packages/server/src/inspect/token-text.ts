/** A JWT taken apart; nothing of it is verified. */
export interface ReadToken {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  /** What the signature covers. */
  readonly signedPart: string
  readonly signature: Buffer
}

/** Null for what is no JWT. */
export function readJwt(token: string): ReadToken | null {
  const [head, body, signature, ...more] = token.split('.')
  if (head === undefined || body === undefined || signature === undefined || more.length > 0) return null
  const [header, claims] = [readPart(head), readPart(body)]
  if (!header || !claims) return null
  return { header, claims, signedPart: `${head}.${body}`, signature: Buffer.from(signature, 'base64url') }
}

function readPart(part: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    return isObject ? { ...parsed } : null
  } catch {
    return null
  }
}

/** The session that a refresh token of ours names; null for what does not look like one. Nothing is verified. */
export function sessionNamedBy(refreshToken: string): string | null {
  if (!/^[\w-]{75}$/.test(refreshToken)) return null
  return Buffer.from(refreshToken, 'base64url').subarray(4, 20).toString('base64url')
}

/** A value out of a token, safe for a terminal: whoever made the token may have put control characters into it. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')
  const plain = text.replaceAll(/[^\x20-\x7e]/g, '?')
  return plain.length > 80 ? `${plain.slice(0, 80)}…` : plain
}

/** `12 min`, for people. */
export function duration(seconds: number): string {
  const whole = Math.round(Math.abs(seconds))
  if (whole < 120) return `${whole} s`
  if (whole < 7200) return `${Math.round(whole / 60)} min`
  return whole < 172_800 ? `${Math.round(whole / 3600)} h` : `${Math.round(whole / 86_400)} days`
}
