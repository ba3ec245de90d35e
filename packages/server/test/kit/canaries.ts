import { createHash } from 'node:crypto'

/** Secrets that must turn up nowhere. */
export interface Canaries {
  add(name: string, secret: string): void
  /** The names of those of which a part is in this text, in any usual spelling. */
  foundIn(text: string): readonly string[]
}

/** So many characters in a row are no coincidence. */
const partLength = 16

/** Looks for every part of a secret: as it is, escaped, in hex, in base64 at every alignment, and for its digest. */
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
    // The edges depend on what stands beside it.
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
