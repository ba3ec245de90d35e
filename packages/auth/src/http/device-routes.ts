import { failure } from '../base/failures.js'
import { isUsableToken } from '../base/formats.js'
import { shownSeconds, type DeviceKeyAnswer, type DeviceKeys, type DeviceRequest } from '../sessions/index.js'
import type { PresentedProof } from '../tokens/index.js'
import type { AuthRequest, AuthResponse } from './auth-request.js'
import { json } from './auth-response.js'
import { boundCookieName, cookieAttributes, formatCookie, readCookie } from './cookies.js'
import type { Route } from './endpoints.js'
import type { RefreshTokenTransport } from './refresh-token-transport.js'

/** The time after which a browser that could not prove its key is asked to try again, in seconds. */
const skippedRetrySeconds = 30

interface DeviceParts {
  readonly devices: DeviceKeys
  readonly transport: RefreshTokenTransport
}

/**
 * Creates the routes that browsers call by themselves (Device Bound Session Credentials): one registers a key, the other renews the cookie. No
 * page sends their headers from another site, so they need no `X-CSRF`. Addresses are relative to these routes, wherever they are mounted.
 */
export function createDeviceRoutes(parts: DeviceParts): readonly Route[] {
  const { devices } = parts
  return [
    {
      method: 'POST',
      path: '/dbsc/register',
      isUnguarded: true,
      answer: async (request) => proven(await devices.register(await read(request, parts)), parts),
    },
    {
      method: 'POST',
      path: '/dbsc/refresh',
      isUnguarded: true,
      answer: (request) => renew(request, parts),
    },
  ]
}

/** Returns the header with which a browser is asked to register a key for the session of a new refresh token. */
export function registrationHeader(devices: DeviceKeys, refreshToken: string): Record<string, string> {
  const challenge = devices.offer(refreshToken)
  return { 'secure-session-registration': `(ES256);path="dbsc/register";challenge="${challenge}"` }
}

/**
 * Returns the proof that the cookie of a session is; undefined if the request has none for it. A browser that could not renew the cookie says so by
 * `Secure-Session-Skipped`: with that, a missing proof is no refusal but trouble, and nothing is done.
 */
export function shownProof(
  request: AuthRequest,
  { devices, ofSession }: { readonly devices: DeviceKeys; readonly ofSession: string | null },
): PresentedProof | undefined {
  const name = ofSession === null ? null : boundCookieName(ofSession)
  const cookie = name && readCookie(request.header('cookie'), name)
  const shown = cookie ? devices.shown(cookie) : undefined
  if (request.header('secure-session-skipped') === undefined) return shown
  return {
    judge: () => shown?.judge() ?? { reason: 'missing' },
    async use(jkt, sessionId) {
      if ((await shown?.use(jkt, sessionId)) === null) return null
      const trouble = { reason: 'skipped', retryAfterSeconds: skippedRetrySeconds } as const
      throw request.method === 'POST'
        ? failure('refreshUnavailable', { ...trouble, status: 503 })
        : failure('proofSkipped', trouble)
    },
    keyFor: (sessionId) => shown?.keyFor?.(sessionId),
  }
}

async function read(request: AuthRequest, { transport }: DeviceParts): Promise<DeviceRequest> {
  const refreshToken = await transport.read(request)
  const proof = request.header('secure-session-response')
  return {
    refreshToken: isUsableToken(refreshToken) ? refreshToken : undefined,
    proof: proof && unquoted(proof),
  }
}

async function renew(request: AuthRequest, parts: DeviceParts): Promise<AuthResponse> {
  const identifier = unquoted(request.header('sec-secure-session-id') ?? '')
  const headersOf = (challenge: string) => ({
    'secure-session-challenge': `"${challenge}";id="${identifier}"`,
  })
  const renewal = await parts.devices.renew(identifier, await read(request, parts), headersOf)
  if (renewal.kind === 'proven') return proven(renewal, parts)
  if (renewal.kind === 'over') return json(200, { session_identifier: identifier, continue: false })
  const { message: error, code } = failure('deviceProofInvalid')
  return json(403, { error, code }, { headers: headersOf(renewal.challenge) })
}

/** Returns the instructions of the session, which a browser needs in whole after each proof, and the cookie. */
function proven(
  { sessionId, identifier, cookie }: DeviceKeyAnswer,
  { transport: { sameSite } }: DeviceParts,
): AuthResponse {
  const name = boundCookieName(sessionId)
  const instructions = {
    session_identifier: identifier,
    refresh_url: 'refresh',
    scope: { include_site: false, scope_specification: [] },
    credentials: [{ type: 'cookie', name, attributes: cookieAttributes(sameSite) }],
  }
  return json(200, instructions, {
    cookies: [formatCookie(name, cookie, { maxAgeSeconds: shownSeconds, sameSite })],
  })
}

/** Returns the content of a structured string (RFC 9651 §3.3.3); other texts as they are. */
function unquoted(text: string): string {
  return /^"(.*)"$/.exec(text)?.[1] ?? text
}
