import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import type { Clock } from '@perennial/auth'

/** A request of the other device. */
export interface ProvenRequest {
  readonly method: string
  readonly url: string
  /** The access token that goes with it. @defaultValue none: a sign-in */
  readonly accessToken?: string | undefined
}

/** Returns the DPoP proof of a request (RFC 9449 §4.2). */
export type Prove = (request: ProvenRequest) => string

/** Creates a device with a key of its own, so that its session can be bound and the service takes its sign-in with `DPOP_REQUIRED=on`. */
export function createDevice(clock: Clock): Prove {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const header = encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }) })
  return ({ method: htm, url: htu, accessToken }) => {
    const ath =
      accessToken === undefined ? {} : { ath: createHash('sha256').update(accessToken).digest('base64url') }
    const input = `${header}.${encode({ jti: randomUUID(), htm, htu, iat: Math.floor(clock()), ...ath })}`
    const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
    return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
