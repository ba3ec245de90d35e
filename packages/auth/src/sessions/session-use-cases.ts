import type { Session } from './session.js'

/** A new session's first tokens. */
export interface SignedIn {
  readonly accessToken: string
  readonly refreshToken: string
}

/** Signing in, looking and signing out, as the routes call them. */
export interface SessionUseCases {
  /**
   * Exchanges a member JWT for a session of its own.
   * @throws {@link AuthError} `AUTH_TOKEN_INVALID`, `AUTH_TOKEN_EXPIRED`, `AUTH_TOKEN_REVOKED`, `AUTH_USER_CONTEXT_INVALID`, `AUTH_UNAVAILABLE`
   */
  signIn(request: {
    readonly memberToken: string
    readonly userAgent: string | null
    readonly requestId: string
  }): Promise<SignedIn>
  /** The live sessions of a member, newest first. @throws {@link AuthError} `AUTH_UNAVAILABLE` */
  listOf(memberId: string): Promise<readonly Session[]>
  /** Ends one session; false when this member has none of that id. One that has ended already stays so. @throws {@link AuthError} `AUTH_UNAVAILABLE` */
  signOut(request: {
    readonly sessionId: string
    readonly memberId: string
    readonly requestId: string
  }): Promise<boolean>
  /** Ends them all, and refuses member JWTs issued until now. @throws {@link AuthError} `AUTH_UNAVAILABLE` */
  signOutEverywhere(memberId: string, requestId: string): Promise<void>
  /** Ends the session of a refresh token of any generation; a token that is none changes nothing (RFC 7009 §2.2). @throws {@link AuthError} `AUTH_UNAVAILABLE` */
  signOutByRefreshToken(refreshToken: string, requestId: string): Promise<void>
}
