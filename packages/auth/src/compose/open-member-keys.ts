import type { HttpClient } from '../base/http-client.js'
import { createPinnedKeySet, createRemoteKeySet, type KeySet } from '../tokens/index.js'
import { traceCalls } from '../telemetry/index.js'
import type { ResolvedOptions } from './resolve-options.js'

/**
 * Opens the key set of member JWTs, if the options name one.
 * @throws TypeError with one line that names the option
 */
export function openMemberKeys(options: ResolvedOptions, httpClient: HttpClient): KeySet | undefined {
  const { jwks, jwksUri } = options.memberstack
  if (jwks !== undefined) return readPinnedKeys(jwks)
  if (jwksUri === undefined) return undefined
  const { clock, telemetry } = options
  const traced = traceCalls(httpClient, telemetry, 'jwks')
  return createRemoteKeySet({ url: jwksUri, algorithms: ['RS256'], httpClient: traced, clock, telemetry })
}

/** @throws TypeError with one line that names the option */
function readPinnedKeys(jwks: string): KeySet {
  try {
    return createPinnedKeySet(jwks, ['RS256'])
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : 'it cannot be read'
    throw new TypeError(`memberstack.jwks: ${problem}. A good example: {"keys":[{"kty":"RSA",…}]}`, { cause })
  }
}
