import { readFileSync } from 'node:fs'
import process from 'node:process'
import { parseEnv } from 'node:util'

/** A file is text in an encoding that is not read. */
export class TextEncodingError extends Error {
  override readonly name = 'TextEncodingError'
  readonly encoding: 'UTF-16' | 'UTF-32'

  constructor(encoding: 'UTF-16' | 'UTF-32') {
    super(`is in ${encoding}; save it as UTF-8`)
    this.encoding = encoding
  }
}

/**
 * Reads a text file in UTF-8, without its byte order mark.
 * @throws TextEncodingError if it is in UTF-16 or UTF-32
 * @throws the error of `readFileSync` if it cannot be read
 */
export function readTextFile(path: string): string {
  return decodeText(readFileSync(path))
}

/**
 * Decodes UTF-8, without its byte order mark.
 * @throws TextEncodingError if the bytes are UTF-16 or UTF-32, by their byte order mark or by a zero byte at the start
 */
export function decodeText(bytes: Uint8Array): string {
  const encoding = foreignEncoding(bytes)
  if (encoding !== null) throw new TextEncodingError(encoding)
  return new TextDecoder('utf-8').decode(bytes)
}

/** Byte order marks. The longer ones come first: that of UTF-32 in little endian begins with that of UTF-16. */
const marks: readonly (readonly [TextEncodingError['encoding'], readonly number[]])[] = [
  ['UTF-32', [0xff, 0xfe, 0, 0]],
  ['UTF-32', [0, 0, 0xfe, 0xff]],
  ['UTF-16', [0xff, 0xfe]],
  ['UTF-16', [0xfe, 0xff]],
]

/** Windows tools write UTF-16: `>` and `Out-File` of PowerShell 5, "Unicode" in Notepad. */
function foreignEncoding(bytes: Uint8Array): TextEncodingError['encoding'] | null {
  const marked = marks.find(([, mark]) => mark.every((byte, at) => bytes[at] === byte))
  if (marked) return marked[0]
  // Without a mark: ASCII in UTF-16 has a zero in one of its first two bytes, ASCII in UTF-8 in none.
  return bytes.length >= 2 && (bytes[0] === 0) !== (bytes[1] === 0) ? 'UTF-16' : null
}

/** A line as in YAML, which `parseEnv` passes over. */
const colonForm = /^\s*(export\s+)?[A-Z][A-Z0-9_]*\s*:(\s|$)/

/**
 * Reads `.env` if it exists. Variables that are set already keep their value. `process.loadEnvFile` is not used: it takes a
 * byte order mark for a part of the first name, and reads nothing from UTF-16.
 * @returns the reason why it cannot be read, in one line for people; null on success
 */
export function loadEnvFile(): string | null {
  try {
    const text = readTextFile('.env')
    const line = text.split('\n').findIndex((one) => colonForm.test(one)) + 1
    if (line > 0)
      return `.env has a colon after the name in line ${line}: write NAME=value. No variable was read.`
    for (const [name, value] of Object.entries(parseEnv(text))) process.env[name] ??= value
    return null
  } catch (error) {
    if (error instanceof TextEncodingError) return `.env ${error.message}. No variable was read.`
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    if (code === 'ENOENT') return null
    return `.env cannot be read (${code}). Check its owner and permissions, or start in another folder.`
  }
}
