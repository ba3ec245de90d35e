import type { JsonWebKey } from 'node:crypto'
import type { Answer } from '../kit/http.ts'
import { memberClaims } from '../kit/members.ts'
import { startMemberstack, type Memberstack } from '../kit/memberstack.ts'
import { startProcess, type BenchProcess, type Started } from '../kit/process.ts'
import { createSigner } from '../kit/signer.ts'

/** The number of tokens that it can issue. */
interface UpstreamSettings {
  readonly members: number
  /** Refreshes of each member through one contender. Contenders are separate processes, and may get equal tokens. */
  readonly turns: number
}

interface Ready {
  readonly url: string
  readonly jwk: JsonWebKey
}

/** Memberstack in a process of its own, the same for all contenders. Its one question is for its calls up to now. */
export type Upstream = BenchProcess<Ready, 'calls', Memberstack['calls']>

/** Starts it: the admin API, and a refresh API with rotating one-use refresh tokens. */
export function startUpstream(settings: UpstreamSettings): Promise<Upstream> {
  return startProcess(import.meta.url, settings)
}

/** Returns a refresh token, as long as a real one. Each contender has its own; generation 0 is valid from the start. */
export function upstreamRefreshToken(contender: string, member: number, generation: number): string {
  return `${contender}.${member}.${generation}.`.padEnd(75, 'x')
}

/** Runs in the process of the upstream. */
export async function start({ members, turns }: UpstreamSettings): Promise<Started<Ready, 'calls'>> {
  const signer = createSigner('RS256', 'bench')
  // Signed beforehand: a signature costs more than a refresh. `jti` makes those of one second differ.
  const accessTokens = Array.from({ length: members * turns }, (_, index) =>
    signer.sign({ ...memberClaims(index % members), jti: index }),
  )
  const refresh = createRefreshApi((member, turn) => accessTokens[turn * members + member])
  const memberstack = await startMemberstack(refresh)
  return { ready: { url: memberstack.url, jwk: signer.jwk }, answer: () => memberstack.calls }
}

function createRefreshApi(accessTokenOf: (member: number, turn: number) => string | undefined) {
  /** The number of rotations, by contender and member. A token of any other generation was used before. */
  const generations = new Map<string, number>()
  return (body: string): Answer => {
    const { refreshToken }: { refreshToken: string } = JSON.parse(body)
    const [contender = '', member = '', generation = ''] = refreshToken.split('.')
    const family = `${contender}.${member}`
    const current = generations.get(family) ?? 0
    if (Number(generation) !== current) return { status: 401, body: '{"error":"invalid_grant"}' }
    generations.set(family, current + 1)
    const accessToken = accessTokenOf(Number(member), current)
    if (accessToken === undefined) throw new RangeError('more refreshes than signed tokens')
    const successor = upstreamRefreshToken(contender, Number(member), current + 1)
    return { status: 200, body: JSON.stringify({ accessToken, refreshToken: successor }) }
  }
}
