import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify, type JWTPayload } from 'jose'
import { createHash } from 'node:crypto'
import type { BrowserContext, Request, Route } from 'playwright-core'
import type { HonestService } from './honest-service.js'

/** The part of a service that asks for proofs (RFC 9449), in front of one that knows of none. */
export interface ProofGuard {
  /** The thumbprint that each session is bound to, by session. */
  readonly bound: Map<unknown, string>
  /** The claims of all proofs that were good, and the address of each one's request. */
  readonly proofs: (JWTPayload & { readonly url: string })[]
  /** The number of requests without a good proof that needed one. */
  refusals: number
  /** A sign-in without a proof is refused. */
  isRequired: boolean
  /** Access tokens are bound too. */
  bindsAccessTokens: boolean
  /** The next proof counts as one that was seen before. */
  refusesNext: boolean
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
function claimsOf(token: string): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  } catch {
    return {}
  }
}

/** Puts the guard between the pages of a context, and the service and APIs. */
export async function guardWithProofs(
  context: BrowserContext,
  service: HonestService,
  apiUrl: string,
): Promise<ProofGuard> {
  const guard: ProofGuard = {
    bound: new Map(),
    proofs: [],
    refusals: 0,
    isRequired: false,
    bindsAccessTokens: false,
    refusesNext: false,
  }
  const seen = new Set<unknown>()
  const now = (): number => Date.now() / 1000 + service.clockOffsetSeconds
  /** Returns true if the claims are those of the request. */
  const isFor = (request: Request, payload: JWTPayload, accessToken?: string): boolean => {
    const { origin, pathname } = new URL(request.url())
    const ath = accessToken && createHash('sha256').update(accessToken).digest('base64url')
    const isSame = payload['htm'] === request.method() && payload['htu'] === origin + pathname
    return isSame && payload['ath'] === ath && Math.abs(Number(payload.iat) - now()) <= 60
  }
  /** Returns the thumbprint of a good proof's key. */
  const verify = async (request: Request, accessToken?: string): Promise<string | undefined> => {
    try {
      const { payload, protectedHeader } = await jwtVerify(request.headers()['dpop'] ?? '', EmbeddedJWK, {
        typ: 'dpop+jwt',
        algorithms: ['ES256'],
        currentDate: new Date(now() * 1000),
      })
      const isNew = !seen.has(payload.jti) && !guard.refusesNext
      seen.add(payload.jti)
      guard.refusesNext = false
      if (!isNew || !isFor(request, payload, accessToken)) return undefined
      guard.proofs.push({ ...payload, url: request.url() })
      return await calculateJwkThumbprint(protectedHeader.jwk ?? {})
    } catch {
      return undefined
    }
  }
  const refuse = (route: Route): Promise<void> => {
    guard.refusals++
    return route.fulfill({
      status: 401,
      headers: {
        'Access-Control-Allow-Origin': route.request().headers()['origin'] ?? '*',
        'Access-Control-Allow-Credentials': 'true',
        'Access-Control-Expose-Headers': 'Date',
        Date: new Date(now() * 1000).toUTCString(),
      },
      json: { error: 'no', code: 'AUTH_PROOF_INVALID' },
    })
  }
  /** Passes a request on. Tokens in the answer are bound, if they are to be. */
  const pass = async (route: Route, jkt?: string): Promise<void> => {
    const response = await route.fetch().catch(() => null)
    if (!response) return route.abort('connectionreset')
    const body = response.headers()['content-type']?.includes('json') ? await response.json() : null
    const { sid } = claimsOf(body?.accessToken ?? '')
    if (jkt && sid) guard.bound.set(sid, jkt)
    const thumbprint = guard.bound.get(sid)
    if (!thumbprint || !guard.bindsAccessTokens) return route.fulfill({ response })
    const [header, , signature] = body.accessToken.split('.')
    const claims = encode({ ...claimsOf(body.accessToken), cnf: { jkt: thumbprint } })
    return route.fulfill({ response, json: { ...body, accessToken: [header, claims, signature].join('.') } })
  }
  const checkSignIn = async (route: Route): Promise<void> => {
    const jkt = await verify(route.request())
    const isWithout = !guard.isRequired && !route.request().headers()['dpop']
    return jkt || isWithout ? pass(route, jkt) : refuse(route)
  }
  const checkRefreshToken = async (route: Route): Promise<void> => {
    const { refreshToken = '' } = route.request().postDataJSON() ?? {}
    const expected = guard.bound.get(refreshToken.split('.')[0])
    if (expected && (await verify(route.request())) !== expected) return refuse(route)
    return pass(route)
  }
  const checkAccessToken = async (route: Route): Promise<void> => {
    const { authorization = '' } = route.request().headers()
    const [scheme, token = ''] = authorization.split(' ')
    const { cnf } = claimsOf(token)
    if (!cnf) return scheme === 'DPoP' ? refuse(route) : route.fallback()
    const jkt = scheme === 'DPoP' ? await verify(route.request(), token) : undefined
    if (!jkt || JSON.stringify(cnf) !== JSON.stringify({ jkt })) return refuse(route)
    return route.fallback({ headers: { ...route.request().headers(), authorization: `Bearer ${token}` } })
  }
  const checks: Record<string, (route: Route) => Promise<void>> = {
    'POST /v1/auth/session': checkSignIn,
    'DELETE /v1/auth/session': checkRefreshToken,
    'POST /v1/auth/refresh-token': checkRefreshToken,
  }
  const isGuarded = ({ origin, pathname }: URL): boolean =>
    origin === service.url || (origin === apiUrl && pathname.startsWith('/api'))
  await context.route(isGuarded, async (route) => {
    const request = route.request()
    const check = checks[`${request.method()} ${new URL(request.url()).pathname}`] ?? checkAccessToken
    // The page may have been closed meanwhile.
    await check(route).catch(() => undefined)
  })
  return guard
}
