import { createPerennial, type Perennial, type PerennialOptions } from '@perennial/auth'
import { appId, memberId, secret } from '../kit/members.ts'

/** The settings of a contender. All see the same RS256 member JWTs of one issuer and app. */
export interface Setup {
  /** An address of its own, so that its reads can be counted. */
  readonly keySetUrl: string
  /** For Perennial. The default is forward mode with that key set. */
  readonly options?: PerennialOptions
}

/** A server that answers `GET /me` with `{"id": "<member>"}`, on a free port of 127.0.0.1. */
export interface Contender {
  /** Unique within its framework. */
  readonly name: string
  /** Resolves with its port. */
  readonly start: (setup: Setup) => Promise<number>
}

/** The name of the server without authentication, on every framework. */
export const open = 'no authentication'

/** The answer of that server: as many bytes as one with authentication. */
export const nobody: Readonly<{ id: string }> = { id: memberId(0) }

/** Starts Perennial as a contender has it. */
export function startPerennial({ keySetUrl, options }: Setup): Promise<Perennial> {
  return createPerennial(options ?? forwardOptions(keySetUrl))
}

/** Returns the options of forward mode. Nothing listens at the refresh URL: nobody refreshes. */
export function forwardOptions(jwksUri: string): PerennialOptions {
  return { store: 'memory:', secret, memberstack: { appId, jwksUri, refreshUrl: 'http://127.0.0.1:9/' } }
}

/** Returns the member of verified claims, whatever type a library gives them. */
export function memberOf(claims: unknown): { readonly id: string } {
  if (typeof claims !== 'object' || claims === null || !('id' in claims))
    throw new Error('no member in the token')
  return { id: String(claims.id) }
}

/** A public key as the key set of the bench has it. */
export interface PublicJwk {
  readonly kty: 'RSA'
  readonly kid: string
  readonly n: string
  readonly e: string
  readonly [member: string]: unknown
}

/** Reads the keys for contenders that are given them once. */
export async function readKeys({ keySetUrl }: Setup): Promise<PublicJwk[]> {
  const { keys }: { keys: PublicJwk[] } = await (await fetch(keySetUrl)).json()
  return keys
}
