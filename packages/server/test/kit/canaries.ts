import { createHash } from 'node:crypto'

/** Secrets that must not appear in any output. */
export interface Canaries {
  add(name: string, secret: string): void
  /** Returns the names of the secrets of which a part is in the text, in any common encoding. */
  foundIn(text: string): readonly string[]
}

/** The length from which a match is no coincidence. */
const partLength = 16

/** Searches for every part of a secret: plain, escaped, in hex, in base64 at every alignment, and as a digest. */
export function createCanaries(): Canaries {
  const names = new Map<string, string>()
  const lengths = new Set<number>()
  return {
    add(name, secret) {
      for (const spelling of spellingsOf(secret)) {
        const length = Math.min(partLength, spelling.length)
        lengths.add(length)
        for (let at = 0; at + length <= spelling.length; at += 1)
          names.set(spelling.slice(at, at + length), name)
      }
    },
    foundIn(text) {
      const found = new Set<string>()
      for (const length of lengths)
        for (let at = 0; at + length <= text.length; at += 1) {
          const name = names.get(text.slice(at, at + length))
          if (name !== undefined) found.add(name)
        }
      return [...found]
    },
  }
}

function spellingsOf(secret: string): readonly string[] {
  const digest = createHash('sha256').update(secret).digest()
  const inBase64 = [0, 1, 2].flatMap((before) => {
    const text = Buffer.from(' '.repeat(before) + secret).toString('base64')
    // The first and last characters depend on the bytes around it.
    const whole = text.slice(before === 0 ? 0 : 4, -4)
    return [whole, whole.replaceAll('+', '-').replaceAll('/', '_')]
  })
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    Buffer.from(secret).toString('hex'),
    ...inBase64,
    digest.toString('hex'),
    digest.toString('base64').slice(0, -1),
    digest.toString('base64url'),
  ].filter((spelling) => spelling.length >= 8)
}
