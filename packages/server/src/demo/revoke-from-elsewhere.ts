import type { Clock } from '@perennial/auth'
import type { FastifyInstance } from 'fastify'
import { createDevice, type ProvenRequest } from './other-device.js'

/** The parameters of {@link revokeFromElsewhere}. */
export interface RevokeRequest {
  readonly host: string
  /** The session to end. */
  readonly sessionId: string
  /** A new member JWT, with which the other device signs in. */
  readonly memberJwt: string
  readonly clock: Clock
}

/**
 * Signs in as a second device and ends this session from there, through the public routes. The device has a key of its own, and proves
 * it with each request, so that it may do so under each `DPOP` setting.
 * @returns true if the session was ended
 */
export async function revokeFromElsewhere(app: FastifyInstance, request: RevokeRequest): Promise<boolean> {
  const { host, sessionId, memberJwt, clock } = request
  const prove = createDevice(clock)
  const call = (method: 'POST' | 'DELETE', path: string, authorization: string, accessToken?: string) => {
    const url = `/v1/auth${path}`
    const proven: ProvenRequest = { method, url: `http://${host}${url}`, accessToken }
    const own = { 'user-agent': 'Another device', authorization, dpop: prove(proven) }
    return app.inject({ method, url, headers: { host, origin: `http://${host}`, 'x-csrf': '1', ...own } })
  }
  const { accessToken, token_type: type = 'Bearer' } = (
    await call('POST', '/session', `Bearer ${memberJwt}`)
  ).json<{ accessToken?: unknown; token_type?: unknown }>()
  if (typeof accessToken !== 'string') return false
  const authorization = `${type === 'DPoP' ? 'DPoP' : 'Bearer'} ${accessToken}`
  const ended = await call('DELETE', `/sessions/${sessionId}`, authorization, accessToken)
  await call('DELETE', '/session', authorization, accessToken)
  return ended.statusCode === 204
}
