/** A public key as the bench's own key set has it. */
export interface PublicJwk {
  readonly kty: 'RSA'
  readonly kid: string
  readonly n: string
  readonly e: string
  readonly [member: string]: unknown
}

/** The keys at an address, for contenders that are given them once. */
export async function readKeys(url: string): Promise<PublicJwk[]> {
  const { keys }: { keys: PublicJwk[] } = await (await fetch(url)).json()
  return keys
}
