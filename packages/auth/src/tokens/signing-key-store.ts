/** A signing key as it is kept: the private part is sealed under the secret, the public part is for everybody. */
export interface StoredSigningKey {
  /** RFC 7638 thumbprint of the public key. */
  readonly kid: string
  /** The public JWK, as JSON. */
  readonly publicJwk: string
  /** The private key (PKCS #8 PEM), sealed. */
  readonly sealedPrivateKey: string
  readonly createdAt: number
}

/** Where signing keys are kept, shared by all instances. A store that cannot answer rejects with `AUTH_UNAVAILABLE`. */
export interface SigningKeyStore {
  /** All keys, oldest first. */
  list(): Promise<readonly StoredSigningKey[]>
  /**
   * Adds a key, but only while the newest kept one is still `newestKid` (null: none), so that of several instances
   * that find a key wanting just one adds it. Returns whether it was added.
   */
  add(key: StoredSigningKey, newestKid: string | null): Promise<boolean>
  /** Replaces the sealed private part (after a change of secret). */
  reseal(kid: string, sealedPrivateKey: string): Promise<void>
  remove(kid: string): Promise<void>
}
