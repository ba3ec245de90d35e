import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

const keySetAddress = 'http://member-jwt.s3-website-us-east-1.amazonaws.com/'

/**
 * Points the key-set address of `@memberstack/admin`, which is a constant in its source, at `keySetUrl`. Before its import.
 * @throws Error when a newer version has it elsewhere: nothing must be asked of the real address
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
