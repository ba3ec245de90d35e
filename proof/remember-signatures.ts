import crypto, { type JsonWebKey, type KeyObject } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

/**
 * Makes Node verify each signature once, and import each public key once: the search takes the same runs many times, and a signature costs
 * more than all else in a step.
 */
export function rememberSignatures(): void {
  const { verify, createPublicKey } = crypto
  const keys = new Map<string, KeyObject>()
  const results = new WeakMap<KeyObject, Map<string, boolean>>()
  Object.assign(crypto, {
    createPublicKey: (given: { readonly key: JsonWebKey; readonly format: 'jwk' }) => {
      if (given.format !== 'jwk') return createPublicKey(given)
      const name = JSON.stringify(given.key)
      const known = keys.get(name) ?? createPublicKey(given)
      keys.set(name, known)
      return known
    },
    verify: (algorithm: string, data: Buffer, key: KeyObject, signature: Buffer) => {
      const ofKey = results.get(key) ?? new Map<string, boolean>()
      results.set(key, ofKey)
      const name = `${data.toString('latin1')} ${signature.toString('latin1')}`
      const known = ofKey.get(name) ?? verify(algorithm, data, key, signature)
      ofKey.set(name, known)
      return known
    },
  })
  syncBuiltinESMExports()
}
