import type { FastifyInstance } from 'fastify'

/** The parameters of {@link revokeFromElsewhere}. */
export interface RevokeRequest {
  readonly host: string
  /** The `Authorization` header of the session to end. */
  readonly authorization: string
  /** A new member JWT, with which the other device signs in. */
  readonly memberJwt: string
}

/**
 * Signs in as a second device and ends this session from there, through the public routes.
 * @returns true if the session was ended
 */
export async function revokeFromElsewhere(app: FastifyInstance, request: RevokeRequest): Promise<boolean> {
  const call = (method: 'GET' | 'POST' | 'DELETE', path: string, authorization: string) =>
    app.inject({
      method,
      url: `/v1/auth${path}`,
      headers: {
        host: request.host,
        origin: `http://${request.host}`,
        'x-csrf': '1',
        'user-agent': 'Another device',
        authorization,
      },
    })
  const sessionId = currentIdOf((await call('GET', '/sessions', request.authorization)).json())
  const { accessToken } = (await call('POST', '/session', `Bearer ${request.memberJwt}`)).json<{
    accessToken?: unknown
  }>()
  if (sessionId === null || typeof accessToken !== 'string') return false
  const other = `Bearer ${accessToken}`
  const ended = await call('DELETE', `/sessions/${sessionId}`, other)
  await call('DELETE', '/session', other)
  return ended.statusCode === 204
}

function currentIdOf(answer: { readonly sessions?: readonly unknown[] }): string | null {
  for (const session of answer.sessions ?? []) {
    if (typeof session !== 'object' || session === null) continue
    if ('current' in session && session.current === true && 'id' in session && typeof session.id === 'string')
      return session.id
  }
  return null
}
