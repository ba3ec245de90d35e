import { createPerennial, type Perennial } from '@perennial/auth'
import type { Setup } from './contender.ts'

/** Ours, in forward mode: all contenders are shown the same RS256 tokens of Memberstack's. */
export function startPerennial({ keySetUrl, audience }: Setup): Promise<Perennial> {
  return createPerennial({
    store: 'memory:',
    // Nothing listens there: no refresh is asked for.
    memberstack: { appId: audience, jwksUri: keySetUrl, refreshUrl: 'http://127.0.0.1:9/' },
  })
}
