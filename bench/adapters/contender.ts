import { createPerennial, type Perennial, type PerennialOptions } from '@perennial/auth'
import type { JsonWebKey } from 'node:crypto'
import { forwardOptions, memberId } from '../kit/members.ts'

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
  return createPerennial(options ?? forwardOptions({ jwksUri: keySetUrl }))
}

/** Returns the member of verified claims, whatever type a library gives them. */
export function memberOf(claims: unknown): { readonly id: string } {
  if (typeof claims !== 'object' || claims === null || !('id' in claims))
    throw new Error('no member in the token')
  return { id: String(claims.id) }
}

/** Reads the keys for contenders that are given them once. */
export async function readKeys({ keySetUrl }: Setup): Promise<(JsonWebKey & { kid: string; kty: string })[]> {
  const { keys } = await (await fetch(keySetUrl)).json()
  return keys
}
