import { generateKeyPairSync, sign, type JsonWebKey } from 'node:crypto'
import { bodyOf, memberId } from './member.ts'
import type { Shot } from '../load/traffic.ts'

/** Signs member JWTs, as Memberstack does (RS256). */
export interface MemberSigner {
  readonly jwk: JsonWebKey
  /** The token of one member; `kid` names another key than the one that signs. */
  sign(index: number, kid?: string): string
  /** A request that must be let in. */
  shot(index: number): Shot
}

const issuedAgoSeconds = 10
const lifetimeSeconds = 3500

/** Makes a key, and tokens that are good from now for almost an hour. */
export function createMemberSigner(ownKid: string): MemberSigner {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const iat = Math.floor(Date.now() / 1000) - issuedAgoSeconds
  const signToken = (index: number, kid = ownKid) => {
    const id = memberId(index)
    const claims = {
      id,
      type: 'member',
      iss: 'https://api.memberstack.com',
      aud: 'app_bench',
      iat,
      exp: iat + lifetimeSeconds,
      email: `${id}@example.com`,
      roles: ['user'],
      customFields: {},
    }
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const signed = `${part({ alg: 'RS256', typ: 'JWT', kid })}.${part(claims)}`
    return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`
  }
  return {
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: ownKid, alg: 'RS256', use: 'sig' },
    sign: signToken,
    shot: (index) => ({ token: signToken(index), status: 200, expected: bodyOf(index) }),
  }
}
