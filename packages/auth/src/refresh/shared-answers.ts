/**
 * Forward mode across instances: one upstream call per refresh token. Keys are digests of the token; values are sealed
 * by the caller under a key that only the presenter of the token can derive.
 */
export interface SharedAnswers {
  /**
   * Claims the call for this key (set only if absent, for `leaseSeconds`, longer than any call).
   * `owner` proves the claim when settling.
   */
  claim(
    key: string,
    owner: string,
    leaseSeconds: number,
  ): Promise<'claimed' | { readonly settled: string } | 'taken'>
  /**
   * Keeps the sealed answer for `keepSeconds` and tells those who wait; ignored where somebody else holds the claim by
   * now. With 0 they are told and nothing is kept: the next caller may claim.
   */
  settle(key: string, owner: string, sealedAnswer: string, keepSeconds: number): Promise<void>
  /** Gives the claim up without an answer, so that a later caller may call. */
  release(key: string, owner: string): Promise<void>
  /** Resolves with the sealed answer once settled, or null when it was released or `timeoutSeconds` have passed. */
  wait(key: string, timeoutSeconds: number): Promise<string | null>
}
