import type { MemberstackUser } from '../base/formats.js'
import type { AuthRequest, AuthResponse } from './auth-request.js'
import { noContent } from './auth-response.js'
import type { Route } from './endpoints.js'
import type { Authenticated } from './perennial.js'

/**
 * Creates `GET /v1/auth/verify`, which a reverse proxy asks before it passes a request on: nginx `auth_request`, Traefik
 * `forwardAuth`, Caddy `forward_auth`. The answer is 204 with the member in headers, or the refusal of `authenticate`.
 */
export function createVerifyRoute(authenticate: (request: AuthRequest) => Promise<Authenticated>): Route {
  const answer = async (request: AuthRequest): Promise<AuthResponse> =>
    noContent({ headers: memberHeaders((await authenticate(askedAbout(request))).user) })
  return { method: 'GET', path: '/verify', answer }
}

/**
 * Returns the request that a trusted proxy asks about: the caller made its DPoP proof for that one (RFC 9449 §4.3), and a cookie counts
 * by its method. The proxy has to replace `X-Forwarded-Method` and `X-Forwarded-Uri`; without one of them the request is about itself.
 */
export function askedAbout(request: AuthRequest): AuthRequest {
  const method = request.header('x-forwarded-method')
  const uri = request.header('x-forwarded-uri')
  if (method === undefined || uri === undefined || !request.isProxied?.()) return request
  return { ...request, method, url: () => addressAt(request.url?.() ?? '', uri) }
}

/** Returns the address of a path at the origin of another address; empty, so that it is no address, if one of them is not valid. */
function addressAt(address: string, uri: string): string {
  const origin = /^https?:\/\/[^/]+/.exec(address)?.[0]
  return origin !== undefined && uri.startsWith('/') ? origin + uri : ''
}

/** Returns the headers of oauth2-proxy for a member. The roles are separated by commas. */
export function memberHeaders({ userId, email, roles }: MemberstackUser): Record<string, string> {
  return {
    'x-auth-request-user': encode(userId),
    'x-auth-request-email': encode(email),
    'x-auth-request-groups': roles.map((role) => encode(role).replaceAll(',', '%2C')).join(','),
  }
}

/**
 * Percent-encodes (RFC 3986 §2.1, UTF-8) what is not visible ASCII, so that no header ends early. The percent sign is encoded
 * too, so that decoding gives exactly the text.
 */
function encode(text: string): string {
  const wellFormed = new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text))
  return wellFormed.replaceAll(/[^\x21-\x7e]+|%/g, (part) => encodeURIComponent(part))
}
