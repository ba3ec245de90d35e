import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

/** Member JWTs of many members, and the key set that verifies them. */
export interface Tokens {
  readonly keySet: string
  readonly issuer: string
  readonly audience: string
  /** Good ones, each of a member of its own; `mem_00000` first. */
  readonly good: readonly string[]
  /** What must be refused, by what is wrong with it. */
  readonly bad: Readonly<Record<string, string>>
  /** To be refused as well: each names a key of its own that nobody has. */
  readonly unknownKids: readonly string[]
}

const issuer = 'https://api.memberstack.com'
const audience = 'app_bench'

/** The id of the member whose token is the `index`th. */
export function memberId(index: number): string {
  return `mem_${String(index).padStart(5, '0')}`
}

/** Signs them all; nobody else has the key. */
export function createTokens(count: number): Tokens {
  const [ours, theirs] = [newKey(), newKey()]
  const now = Math.floor(Date.now() / 1000)
  const claims = (index: number) => ({
    id: memberId(index),
    type: 'member',
    iss: issuer,
    aud: audience,
    iat: now - 10,
    exp: now + 3000,
    email: `${memberId(index)}@example.com`,
    roles: ['user'],
    customFields: {},
  })
  const { exp: _exp, ...endless } = claims(0)
  return {
    keySet: JSON.stringify({
      keys: [{ ...ours.publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'RS256', use: 'sig' }],
    }),
    issuer,
    audience,
    good: Array.from({ length: count }, (_, index) => signJwt(claims(index), ours.privateKey)),
    bad: {
      forged: signJwt(claims(0), theirs.privateKey),
      expired: signJwt({ ...claims(0), iat: now - 3000, exp: now - 10 }, ours.privateKey),
      'no exp': signJwt(endless, ours.privateKey),
      'wrong audience': signJwt({ ...claims(0), aud: 'app_other' }, ours.privateKey),
    },
    unknownKids: Array.from({ length: 300 }, (_, index) =>
      signJwt(claims(0), theirs.privateKey, `unknown-${index}`),
    ),
  }
}

function newKey(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

function signJwt(claims: object, key: KeyObject, kid = 'bench'): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'RS256', typ: 'JWT', kid })}.${part(claims)}`
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`
}
