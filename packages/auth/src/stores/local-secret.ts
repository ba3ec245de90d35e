import { link, open, readFile, rm } from 'node:fs/promises'
import type { RandomBytes } from '../base/secrets.js'
import { prepareStorePath } from './sqlite/store-path.js'
import type { StoreAddress } from './store-address.js'

const secretLength = 32

/**
 * Returns the secret of a store that has none configured: a random one for `memory:`, and for `sqlite:` the one in the file
 * beside the database (`<path>.secret`, mode 0600), which it creates at the first start, so that sessions survive a restart.
 * @throws TypeError for Redis and Postgres: their instances share one secret, so it must be configured
 * @throws Error with a message of one line, if the file cannot be used
 */
export async function loadLocalSecret(address: StoreAddress, randomBytes: RandomBytes): Promise<Uint8Array> {
  if (address.kind === 'memory') return randomBytes(secretLength)
  if (address.kind !== 'sqlite') {
    const name = address.kind === 'redis' ? 'Redis' : 'Postgres'
    throw new TypeError(
      `PERENNIAL_SECRET is needed with a ${name} store, for example the output of: openssl rand -base64 32`,
    )
  }
  const path = `${address.path}.secret`
  try {
    prepareStorePath(path)
    return (await readSecret(path)) ?? (await makeSecret(path, randomBytes))
  } catch (cause) {
    if (cause instanceof BadSecretFile) throw cause
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''
    throw new BadSecretFile(path, `cannot be read or written${code}`, { cause })
  }
}

class BadSecretFile extends Error {
  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`The secret file ${path} ${problem}; set PERENNIAL_SECRET, or move the file away.`, options)
  }
}

async function makeSecret(path: string, randomBytes: RandomBytes): Promise<Uint8Array> {
  const draft = `${path}.${Buffer.from(randomBytes(9)).toString('base64url')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(`${Buffer.from(randomBytes(secretLength)).toString('base64')}\n`)
    await file.sync()
    // A link is created whole, and only once: if two processes start together, one of them creates the secret.
    await link(draft, path).catch(unlessItExists)
  } finally {
    await file.close()
    await rm(draft, { force: true })
  }
  const secret = await readSecret(path)
  if (!secret) throw new BadSecretFile(path, 'disappeared while it was created')
  return secret
}

async function readSecret(path: string): Promise<Uint8Array | null> {
  const text = await readFile(path, 'utf8').catch(unlessItIsMissing)
  if (text === null) return null
  const secret = Buffer.from(text.trim(), 'base64')
  if (secret.length < secretLength) throw new BadSecretFile(path, 'does not hold 32 bytes in base64')
  return secret
}

function unlessItExists(error: unknown): void {
  if (!isErrno(error, 'EEXIST')) throw error
}

function unlessItIsMissing(error: unknown): null {
  if (isErrno(error, 'ENOENT')) return null
  throw error
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
