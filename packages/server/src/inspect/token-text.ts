/** A JWT taken apart; nothing of it is verified. */
export interface ReadToken {
  /** All of it. */
  readonly text: string
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  /** What the signature covers. */
  readonly signedPart: string
  readonly signature: Buffer
  /** Each part is spelled in the one way that there is (RFC 7515 §2): the service takes no other. */
  readonly isCanonical: boolean
}

/** Null for what is no JWT. */
export function readJwt(token: string): ReadToken | null {
  const [head, body, signature, ...more] = token.split('.')
  if (head === undefined || body === undefined || signature === undefined || more.length > 0) return null
  const [header, claims] = [readPart(head), readPart(body)]
  if (!header || !claims) return null
  return {
    text: token,
    header,
    claims,
    signedPart: `${head}.${body}`,
    signature: Buffer.from(signature, 'base64url'),
    isCanonical: [head, body, signature].every(isCanonical),
  }
}

/** Node passes over padding, foreign characters and stray bits. */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part
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

/** A value out of a token, safe for a terminal: whoever made the token may have put control characters into it. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')
  const plain = text.replaceAll(/[^\x20-\x7e]/g, '?')
  return plain.length > 80 ? `${plain.slice(0, 80)}…` : plain
}

/** An instant, in seconds, and how far it is from now. */
export function when(instant: number, now: number): string {
  const date = new Date(instant * 1000)
  const relative = instant > now ? `in ${duration(instant - now)}` : `${duration(now - instant)} ago`
  return Number.isNaN(date.getTime()) ? show(instant) : `${date.toISOString()} (${relative})`
}

/** `12 min`, for people. */
export function duration(seconds: number): string {
  const whole = Math.round(Math.abs(seconds))
  if (whole < 120) return `${whole} s`
  if (whole < 7200) return `${Math.round(whole / 60)} min`
  return whole < 172_800 ? `${Math.round(whole / 3600)} h` : `${Math.round(whole / 86_400)} days`
}
