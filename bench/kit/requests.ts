import { expectStatus, type Answer, type Request } from './http.ts'

/** Exchanges a member JWT for a session. */
export const signInRequest = (token: string): Request => ({ method: 'POST', path: '/v1/auth/session', token })

/** Presents a refresh token. */
export const refreshRequest = (refreshToken: string): Request => ({
  method: 'POST',
  path: '/v1/auth/refresh-token',
  json: { refreshToken },
})

/** The tokens of a sign-in or a refresh. */
export interface Pair {
  readonly accessToken: string
  readonly refreshToken: string
}

/** Reads the tokens of an answer. @throws Error unless it has this status and both tokens: no figure from errors */
export function pairOf(status: 200 | 201, answer: Answer): Pair {
  const { accessToken, refreshToken }: Partial<Pair> = JSON.parse(expectStatus(status, answer))
  if (!accessToken) throw new Error('no figure from errors: a server answered no access token')
  if (!refreshToken) throw new Error('no figure from errors: a server answered no refresh token')
  return { accessToken, refreshToken }
}
