import { generateKeyPairSync, sign } from 'node:crypto'
import { appId } from '../session-cost/in-process-memberstack.ts'

/** Member JWTs as Memberstack's refresh API would hand them out, signed beforehand: signing costs more than a refresh. */
export interface MemberJwts {
  /** The key set that verifies them. */
  readonly jwks: string
  /** The `turn`th of a member; no two are equal. @throws RangeError when there are no more */
  of(member: number, turn: number): string
}

/** The id of a measured member. */
export function memberIdOf(member: number): string {
  return `mem_bench${member}`
}

/** A refresh token of a member, as long as a real one. Each contender has its own; generation 0 is good from the start. */
export function upstreamRefreshToken(contender: string, member: number, generation: number): string {
  return `${contender}.${member}.${generation}.`.padEnd(75, 'x')
}

/** Signs so many for each member (RS256, 2048 bits). */
export function createMemberJwts(members: number, turns: number): MemberJwts {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const header = encode({ alg: 'RS256', typ: 'JWT', kid: 'bench' })
  const iat = Math.floor(Date.now() / 1000)
  const signed = Array.from({ length: members * turns }, (_, index) => {
    const id = memberIdOf(index % members)
    // `jti` tells those of one second apart.
    const own = { id, type: 'member', iat, exp: iat + 3600, aud: appId, iss: 'https://api.memberstack.com' }
    const user = { email: `${id}@example.com`, roles: ['user'], customFields: {} }
    const input = `${header}.${encode({ ...own, ...user, jti: index })}`
    return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
  })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'RS256', use: 'sig' }
  return {
    jwks: JSON.stringify({ keys: [jwk] }),
    of(member, turn) {
      const found = signed[turn * members + member]
      if (found === undefined) throw new RangeError('more refreshes were asked for than tokens were signed')
      return found
    },
  }
}
