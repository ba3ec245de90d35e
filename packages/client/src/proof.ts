/** The public half of a key, as it stands in a proof (RFC 7517 §4, RFC 7518 §6.2.1). */
export interface PublicJwk {
  readonly kty: string
  readonly crv: string
  readonly x: string
  readonly y: string
}

/** A key of this browser. Its private half cannot be exported. */
export interface ProofKey {
  readonly privateKey: CryptoKey
  readonly jwk: PublicJwk
  /** RFC 7638; a bound access token has it as `cnf.jkt`. */
  readonly thumbprint: string
}

/** The request that a proof is for. */
export interface ProvenRequest {
  readonly method: string
  readonly url: string
  /** The access token in the request, if it is a bound one. */
  readonly accessToken?: string | undefined
  /** The service's time, in seconds since the epoch. */
  readonly at: number
}

/** Creates an ES256 key whose private half cannot be exported. @throws Error outside of a secure context */
export async function generateKeyPair(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
}

/** Describes a key pair for proofs. */
export async function describeKey({ privateKey, publicKey }: CryptoKeyPair): Promise<ProofKey> {
  const { kty = '', crv = '', x = '', y = '' } = await crypto.subtle.exportKey('jwk', publicKey)
  // The order of the members is that of RFC 7638 §3.
  return { privateKey, jwk: { kty, crv, x, y }, thumbprint: await hash(JSON.stringify({ crv, kty, x, y })) }
}

/** Creates a proof of possession (RFC 9449 §4.2). Each has a `jti` of its own, so it is good for one request. */
export async function createProof(
  { privateKey, jwk }: ProofKey,
  { method, url, accessToken, at }: ProvenRequest,
): Promise<string> {
  const { origin, pathname } = new URL(url)
  const claims = {
    jti: crypto.randomUUID(),
    htm: method,
    htu: origin + pathname,
    iat: Math.floor(at),
    ...(accessToken && { ath: await hash(accessToken) }),
  }
  const input = `${encodeJson({ typ: 'dpop+jwt', alg: 'ES256', jwk })}.${encodeJson(claims)}`
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
  const signature = await crypto.subtle.sign(algorithm, privateKey, new TextEncoder().encode(input))
  return `${input}.${encode(new Uint8Array(signature))}`
}

async function hash(text: string): Promise<string> {
  return encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))))
}

function encodeJson(value: unknown): string {
  return encode(new TextEncoder().encode(JSON.stringify(value)))
}

/** Encodes bytes as base64url without padding (RFC 7515 §2). */
function encode(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
