import { createHash, createHmac, generateKeyPairSync, sign } from 'node:crypto'
import type { ProofProblem } from '../../src/tokens/index.js'
import { sha256, type ProofJwk, type ProofOptions, type Prover } from './proofs.js'

/** The token with which a proof is used. A sign-in takes any key, because the proof decides the key of its session. */
export type ProofUse = 'sign-in' | 'refresh token' | 'access token'

/** The request that a proof is for. */
export interface ProvenRequest {
  readonly htm: string
  readonly htu: string
  /** The access token in `Authorization: DPoP`. @defaultValue the request has none */
  readonly accessToken?: string
}

/** The parts of which a wrong proof is made. */
export interface ProofMaterial {
  /** The client that has the key of the session. */
  readonly prover: Prover
  readonly stranger: Prover
  readonly request: ProvenRequest
  /** A proof for the same request that was accepted before. */
  readonly used: string
  /** Seconds since the epoch. */
  readonly now: number
}

/** A proof that is refused (RFC 9449 §4.3). */
export interface WrongProof {
  readonly name: string
  /** The reason that the event `proof_refused` has. */
  readonly reason: ProofProblem
  /** @defaultValue all of them */
  readonly uses?: readonly ProofUse[]
  /** Returns the values of the `DPoP` headers, one a header line. */
  readonly headers: (material: ProofMaterial) => readonly string[]
}

/** The row without a `DPoP` header, and the one with a proof that was accepted before. */
export const noProof = 'no DPoP header'
export const repeatedProof = 'a proof that was used before'

type Change = Partial<ProofOptions>

/** Returns the proof as it should be, but for a change. */
export function proofFor(
  { prover, request, now }: Pick<ProofMaterial, 'prover' | 'request' | 'now'>,
  change: Change = {},
): string {
  return prover.prove({ ...request, at: now, ...change })
}

/** Creates a row whose proof has a change. */
function changed(
  name: string,
  reason: ProofProblem,
  change: Change | ((material: ProofMaterial) => Change),
): WrongProof {
  const changeOf = typeof change === 'function' ? change : () => change
  return { name, reason, headers: (material) => [proofFor(material, changeOf(material))] }
}

/** Creates a row whose `DPoP` headers are made of a valid proof. */
function remade(
  name: string,
  remake: (proof: string, material: ProofMaterial) => readonly string[],
  reason: ProofProblem = 'malformed',
): WrongProof {
  return { name, reason, headers: (material) => remake(proofFor(material), material) }
}

const withClaims = (name: string, reason: ProofProblem, claims: Record<string, unknown>) =>
  changed(name, reason, { claims })
const withHeader = (name: string, reason: ProofProblem, header: Record<string, unknown>) =>
  changed(name, reason, { header })
const withKey = (name: string, jwkOf: (jwk: ProofJwk, prover: Prover) => unknown) =>
  changed(name, 'key', ({ prover }) => ({ header: { jwk: jwkOf(prover.jwk, prover) } }))
const withAddress = (name: string, htuOf: (address: URL) => string) =>
  changed(name, 'htu', ({ request }) => ({ htu: htuOf(new URL(request.htu)) }))
const withTokenHash = (name: string, athOf: (accessToken: string) => unknown): WrongProof => ({
  ...changed(name, 'ath', ({ request }) => ({ claims: { ath: athOf(request.accessToken ?? '') } })),
  uses: ['access token'],
})

const textOf = (bytes: Buffer) => bytes.toString('base64url')
const encoded = (text: string) => textOf(Buffer.from(text))
const hmacUnder = ({ prover: { jwk } }: ProofMaterial) => ({
  signature: (input: string) => textOf(createHmac('sha256', JSON.stringify(jwk)).update(input).digest()),
})

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const ed25519 = generateKeyPairSync('ed25519')
const byRsa = (input: string) => textOf(sign('sha256', Buffer.from(input), rsa.privateKey))
const byP384 = (input: string) =>
  textOf(sign('sha384', Buffer.from(input), { key: p384.privateKey, dsaEncoding: 'ieee-p1363' }))
const byEd25519 = (input: string) => textOf(sign(null, Buffer.from(input), ed25519.privateKey))

const forms: readonly WrongProof[] = [
  { name: noProof, reason: 'missing', headers: () => [] },
  { name: 'an empty DPoP header', reason: 'malformed', headers: () => [''] },
  remade('two DPoP headers', (proof, material) => [proof, proofFor(material)]),
  remade('one proof in two DPoP headers', (proof) => [proof, proof]),
  remade('an empty DPoP header after a good one', (proof) => [proof, '']),
  remade('an empty DPoP header before a good one', (proof) => ['', proof]),
  remade('two proofs in one DPoP header', (proof, material) => [`${proof}, ${proofFor(material)}`]),
  remade('a text that is no JWT', () => ['proof']),
  remade('three parts that are no JSON', () => ['a.b.c']),
  remade('a JWT without its signature part', (proof) => [proof.split('.').slice(0, 2).join('.')]),
  remade('five parts, as an encrypted JWT has', (proof) => [`${proof}.e30.e30`]),
  remade('the JSON serialization', (proof) => {
    const [header, payload, signature] = proof.split('.')
    return [JSON.stringify({ protected: header, payload, signature })]
  }),
  remade('claims that are an array', (proof) => [proof.replace(/\..*\./, `.${encoded('[]')}.`)]),
  remade('claims that are not UTF-8', (proof) => [proof.replace(/\..*\./, '.eyJhIjoi_yJ9.')]),
  remade('base64 with padding', (proof) => [`${proof}==`]),
  remade('a proof in quotes', (proof) => [`"${proof}"`]),
  remade('a scheme before the proof', (proof) => [`DPoP ${proof}`]),
  withClaims('more than 4096 characters', 'malformed', { extra: 'x'.repeat(4096) }),
  withClaims('a jti of 4096 characters', 'malformed', { jti: 'x'.repeat(4096) }),
]

const types: readonly WrongProof[] = [
  withHeader('no typ', 'type', { typ: undefined }),
  withHeader('typ JWT', 'type', { typ: 'JWT' }),
  withHeader('typ at+jwt', 'type', { typ: 'at+jwt' }),
  withHeader('typ dbsc+jwt', 'type', { typ: 'dbsc+jwt' }),
  withHeader('an array as typ', 'type', { typ: ['dpop+jwt'] }),
  withHeader('crit', 'header', { crit: ['exp'] }),
  withHeader('b64', 'header', { b64: false }),
  withHeader('jku', 'header', { jku: 'https://evil.example/keys' }),
  withHeader('x5u', 'header', { x5u: 'https://evil.example/chain' }),
  withHeader('x5c', 'header', { x5c: ['MII'] }),
]

const algorithms: readonly WrongProof[] = [
  withHeader('no alg', 'algorithm', { alg: undefined }),
  withHeader('an array as alg', 'algorithm', { alg: ['ES256'] }),
  withHeader('alg es256', 'algorithm', { alg: 'es256' }),
  changed('alg none', 'algorithm', { header: { alg: 'none' }, signature: () => '' }),
  changed('alg HS256 under the public key', 'algorithm', (material) => ({
    header: { alg: 'HS256' },
    ...hmacUnder(material),
  })),
  changed('an HMAC that says ES256', 'signature', hmacUnder),
  changed('alg RS256 by an RSA key', 'algorithm', {
    header: { alg: 'RS256', jwk: rsa.publicKey.export({ format: 'jwk' }) },
    signature: byRsa,
  }),
  changed('alg ES384 by a key of P-384', 'algorithm', {
    header: { alg: 'ES384', jwk: p384.publicKey.export({ format: 'jwk' }) },
    signature: byP384,
  }),
  changed('alg EdDSA by a key of Ed25519', 'algorithm', {
    header: { alg: 'EdDSA', jwk: ed25519.publicKey.export({ format: 'jwk' }) },
    signature: byEd25519,
  }),
  changed('an RSA key that says ES256', 'key', {
    header: { jwk: rsa.publicKey.export({ format: 'jwk' }) },
    signature: byRsa,
  }),
]

const keys: readonly WrongProof[] = [
  withKey('no jwk', () => undefined),
  withKey('a text as jwk', () => 'key'),
  withKey('an array as jwk', (jwk) => [jwk]),
  withKey('a jwk with its private part', (_jwk, prover) => prover.privateKey.export({ format: 'jwk' })),
  withKey('a jwk with an empty private part', (jwk) => ({ ...jwk, d: '' })),
  withKey('a symmetric key', () => ({ kty: 'oct', k: 'AQ' })),
  withKey('a jwk of another curve', (jwk) => ({ ...jwk, crv: 'P-384' })),
  withKey('a point off the curve', (jwk) => ({ ...jwk, y: jwk.x })),
  withKey('a coordinate with padding', (jwk) => ({ ...jwk, x: `${jwk.x}=` })),
  withKey('a jwk without y', (jwk) => ({ ...jwk, y: undefined })),
  withKey('a jwk for encryption', (jwk) => ({ ...jwk, use: 'enc' })),
  withKey('a jwk that may only sign', (jwk) => ({ ...jwk, key_ops: ['sign'] })),
  withKey('a jwk of another alg', (jwk) => ({ ...jwk, alg: 'ES384' })),
  {
    name: 'a proof by another key',
    reason: 'other_key',
    uses: ['refresh token', 'access token'],
    headers: (material) => [proofFor({ ...material, prover: material.stranger })],
  },
]

const signatures: readonly WrongProof[] = [
  changed('no signature', 'signature', { signature: () => '' }),
  changed('a signature of zeros', 'signature', { signature: () => 'A'.repeat(86) }),
  remade(
    'a signature that was changed',
    (proof) => [
      proof.replace(/\.([^.])([^.]*)$/, (_all, first, rest) => `.${first === 'A' ? 'B' : 'A'}${rest}`),
    ],
    'signature',
  ),
  remade(
    'claims that were changed after the signature',
    (proof) => {
      const [header, payload = '', signature] = proof.split('.')
      const claims = Buffer.from(payload, 'base64url').toString()
      return [[header, encoded(claims.replace('"jti":"', '"jti":"x')), signature].join('.')]
    },
    'signature',
  ),
  changed('a signature in DER', 'signature', ({ prover }) => ({
    signature: (input) => textOf(sign('sha256', Buffer.from(input), prover.privateKey)),
  })),
  changed('the jwk of another key', 'signature', ({ stranger }) => ({ header: { jwk: stranger.jwk } })),
  changed('the key of the session, and a signature by another', 'signature', ({ stranger }) => ({
    signature: (input) => {
      const key = { key: stranger.privateKey, dsaEncoding: 'ieee-p1363' } as const
      return textOf(sign('sha256', Buffer.from(input), key))
    },
  })),
]

const requests: readonly WrongProof[] = [
  withClaims('no htm', 'htm', { htm: undefined }),
  withClaims('another method', 'htm', { htm: 'PUT' }),
  changed('the method in lower case', 'htm', ({ request }) => ({ htm: request.htm.toLowerCase() })),
  changed('the method and a space', 'htm', ({ request }) => ({ htm: `${request.htm} ` })),
  changed('an array as htm', 'htm', ({ request }) => ({ claims: { htm: [request.htm] } })),
  withClaims('no htu', 'htu', { htu: undefined }),
  withClaims('an empty htu', 'htu', { htu: '' }),
  changed('an array as htu', 'htu', ({ request }) => ({ claims: { htu: [request.htu] } })),
  withAddress('another path', ({ origin }) => `${origin}/v1/auth/other`),
  withAddress('a longer path', ({ href }) => `${href}/more`),
  withAddress('a path with a slash at its end', ({ href }) => `${href}/`),
  withAddress('the path in upper case', ({ origin, pathname }) => origin + pathname.toUpperCase()),
  withAddress('the path without its origin', ({ pathname }) => pathname),
  withAddress('the origin without its path', ({ origin }) => origin),
  withAddress('another host', ({ protocol, pathname }) => `${protocol}//evil.example${pathname}`),
  withAddress(
    'a longer host',
    ({ origin, pathname }) => `${origin.replace(/:\d+$/, '')}.evil.example${pathname}`,
  ),
  withAddress('another port', ({ protocol, hostname, pathname }) => `${protocol}//${hostname}:1${pathname}`),
  withAddress(
    'another scheme',
    ({ protocol, host, pathname }) => `${protocol === 'http:' ? 'https' : 'http'}://${host}${pathname}`,
  ),
  withAddress('a user name in htu', ({ protocol, host, pathname }) => `${protocol}//ada@${host}${pathname}`),
  withAddress('a space before htu', ({ href }) => ` ${href}`),
]

const times: readonly WrongProof[] = [
  withClaims('no iat', 'iat', { iat: undefined }),
  withClaims('null as iat', 'iat', { iat: null }),
  changed('a text as iat', 'iat', ({ now }) => ({ claims: { iat: String(Math.floor(now)) } })),
  changed('an iat in milliseconds', 'iat', ({ now }) => ({ claims: { iat: Math.floor(now) * 1000 } })),
  changed('an iat 61 s ago', 'iat', ({ now }) => ({ at: now - 61 })),
  changed('an iat 65 s ahead', 'iat', ({ now }) => ({ at: now + 65 })),
  withClaims('an exp that has passed', 'iat', { exp: 1 }),
  changed('an nbf 65 s ahead', 'iat', ({ now }) => ({ claims: { nbf: now + 65 } })),
]

const names: readonly WrongProof[] = [
  withClaims('no jti', 'claims', { jti: undefined }),
  withClaims('an empty jti', 'claims', { jti: '' }),
  withClaims('null as jti', 'claims', { jti: null }),
  withClaims('a number as jti', 'claims', { jti: 7 }),
  withClaims('an array as jti', 'claims', { jti: ['one'] }),
  { name: repeatedProof, reason: 'repeated', headers: ({ used }) => [used] },
]

const tokenHashes: readonly WrongProof[] = [
  withTokenHash('no ath', () => undefined),
  withTokenHash('an empty ath', () => ''),
  withTokenHash('the ath of another token', () => sha256('another')),
  withTokenHash('the token itself as ath', (accessToken) => accessToken),
  withTokenHash('an ath with padding', (accessToken) => `${sha256(accessToken)}=`),
  withTokenHash('an ath in hex', (accessToken) => createHash('sha256').update(accessToken).digest('hex')),
  withTokenHash('an array as ath', (accessToken) => [sha256(accessToken)]),
]

/** Every wrong proof. */
export const wrongProofs: readonly WrongProof[] = [
  ...forms,
  ...types,
  ...algorithms,
  ...keys,
  ...signatures,
  ...requests,
  ...times,
  ...names,
  ...tokenHashes,
]
