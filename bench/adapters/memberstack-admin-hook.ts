import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

const keySetAddress = 'http://member-jwt.s3-website-us-east-1.amazonaws.com/'

/**
 * Replaces the address of the key set of `@memberstack/admin`, a constant in its source, by `keySetUrl`. Call it before the import.
 * @throws Error if a newer version has the address elsewhere: the bench must not send requests to the real one
 */
export function pointMemberstackAdminAt(keySetUrl: string): void {
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context)
      if (!url.endsWith('/@memberstack/admin/lib/methods/jwt/index.js')) return loaded
      const source = readFileSync(fileURLToPath(url), 'utf8')
      if (!source.includes(keySetAddress)) {
        throw new Error('@memberstack/admin: its key-set address has moved')
      }
      return { ...loaded, source: source.replaceAll(keySetAddress, keySetUrl) }
    },
  })
}
