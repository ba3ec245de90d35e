import { request as httpRequest, type IncomingMessage } from 'node:http'
import { text as textOf } from 'node:stream/consumers'
import { expect } from 'vitest'
import { createProver, type Prover } from './proofs.js'
import type { Attempt, ProofWay, ProvenAnswer } from './proof-ways.js'
import { noProof, proofFor, repeatedProof, type ProvenRequest } from './wrong-proofs.js'

/** A request over HTTP. Several `DPoP` headers are several header lines. */
export interface ProvenCall {
  readonly headers?: Readonly<Record<string, string>>
  readonly dpop?: readonly string[]
  readonly body?: object | undefined
}

/** Sends a request over HTTP. */
export async function callWithProofs(
  method: string,
  url: string,
  { headers = {}, dpop = [], body }: ProvenCall,
): Promise<ProvenAnswer> {
  const json = body && JSON.stringify(body)
  const all = {
    ...headers,
    ...(dpop.length > 0 && { dpop: [...dpop] }),
    ...(json !== undefined && { 'content-type': 'application/json', 'content-length': String(json.length) }),
  }
  return await new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method, headers: all }, (answer) => {
      read(answer).then(resolve, reject)
    })
    sent.on('error', reject)
    sent.end(json)
  })
}

async function read(answer: IncomingMessage): Promise<ProvenAnswer> {
  const text = await textOf(answer)
  return {
    status: answer.statusCode ?? 0,
    challenge: answer.headers['www-authenticate'],
    cookies: answer.headers['set-cookie'] ?? [],
    body: text.startsWith('{') ? JSON.parse(text) : {},
  }
}

/** The routes of an app, and a client with a key. */
export interface ProofClientOptions {
  /** The address at which the routes are asked. */
  readonly server: string
  /** The address of the app as its callers see it. @defaultValue `server` */
  readonly seen?: string
  /** The headers that a proxy adds. @defaultValue none */
  readonly forwarded?: Readonly<Record<string, string>>
  readonly issueMemberToken: () => Promise<string>
  /** Seconds since the epoch. @defaultValue the time of the system */
  readonly clock?: () => number
}

/** The tokens of a session. */
export interface ProvenTokens {
  accessToken: string
  refreshToken: string
}

/** A client whose sessions are bound to its key. */
export interface ProofClient {
  readonly prover: Prover
  readonly clock: () => number
  signIn(): Promise<ProvenTokens>
  /** Returns the ways through the routes of `/v1/auth` that take a refresh token or a member JWT. */
  refreshWays(isRequired: boolean): readonly ProofWay[]
  /** Returns the ways through the routes of `/v1/auth` that take an access token. */
  accessWays(): readonly ProofWay[]
  /** Returns the way through a route that leaves the session as it is. */
  accessWay(route: string, accepted: number, place?: WayPlace): ProofWay
}

/** The place of a route that takes access tokens. */
export interface WayPlace {
  /** The address of another server. @defaultValue that of the client */
  readonly server?: string
  /** The request that a proxy asks about. @defaultValue the request is about itself */
  readonly asked?: ProvenRequest
  /** The headers that the proxy adds for it. @defaultValue none */
  readonly headers?: Readonly<Record<string, string>>
}

/** Creates a client of an app. */
export function createProofClient(options: ProofClientOptions): ProofClient {
  const { server, seen = server, forwarded = {}, issueMemberToken, clock = () => Date.now() / 1000 } = options
  const prover = createProver()
  const call = (route: string, { headers, ...rest }: ProvenCall, at = server) => {
    const [method = '', path = ''] = route.split(' ')
    return callWithProofs(method, at + path, { headers: { ...forwarded, ...headers }, ...rest })
  }
  const requestOf = (route: string, at = seen): ProvenRequest => {
    const [htm = '', path = ''] = route.split(' ')
    return { htm, htu: at + path }
  }
  const signInRoute = 'POST /v1/auth/session'
  const signIn = async (): Promise<ProvenTokens> => {
    const headers = { authorization: `Bearer ${await issueMemberToken()}` }
    const proof = proofFor({ prover, request: requestOf(signInRoute), now: clock() })
    const { status, body } = await call(signInRoute, { headers, dpop: [proof] })
    expect(status).toBe(201)
    return tokensIn(body)
  }
  const bySession = createWaysBySession(signIn)

  const accessWay = (route: string, accepted: number, place: WayPlace = {}, isEnding = false): ProofWay => {
    const { server: at, asked = requestOf(route, at), headers } = place
    return {
      name: `${route} with an access token`,
      use: 'access token',
      accepted,
      // The next session has another access token, so that no proof can come twice.
      skipped: isEnding ? [repeatedProof] : [],
      prepare: bySession(isEnding, ({ accessToken }) => ({
        request: { ...asked, accessToken },
        send: (dpop) =>
          call(route, { headers: { ...headers, authorization: `DPoP ${accessToken}` }, dpop }, at),
      })),
    }
  }
  return {
    prover,
    clock,
    signIn,
    accessWay: (route, accepted, place) => accessWay(route, accepted, place),
    accessWays: () => [
      accessWay('GET /v1/auth/me', 200),
      accessWay('GET /v1/auth/verify', 204),
      accessWay('GET /v1/auth/sessions', 200),
      // The proof is right, and there is no such session.
      accessWay(`DELETE /v1/auth/sessions/${'A'.repeat(22)}`, 404),
      accessWay('DELETE /v1/auth/sessions', 204, undefined, true),
      accessWay('DELETE /v1/auth/session', 204, undefined, true),
    ],
    refreshWays: (isRequired) => [
      {
        name: signInRoute,
        use: 'sign-in',
        accepted: 201,
        skipped: isRequired ? [] : [noProof],
        prepare: async () => {
          const headers = { authorization: `Bearer ${await issueMemberToken()}` }
          return { request: requestOf(signInRoute), send: (dpop) => call(signInRoute, { headers, dpop }) }
        },
      },
      {
        name: 'POST /v1/auth/refresh-token',
        use: 'refresh token',
        accepted: 200,
        prepare: bySession(false, (tokens) => ({
          request: requestOf('POST /v1/auth/refresh-token'),
          send: async (dpop) => {
            const body = { refreshToken: tokens.refreshToken }
            const answer = await call('POST /v1/auth/refresh-token', { dpop, body })
            if (answer.status === 200) Object.assign(tokens, tokensIn(answer.body))
            return answer
          },
        })),
      },
      {
        name: 'DELETE /v1/auth/session with a refresh token',
        use: 'refresh token',
        accepted: 204,
        prepare: bySession(true, ({ refreshToken }) => ({
          request: requestOf('DELETE /v1/auth/session'),
          send: (dpop) => call('DELETE /v1/auth/session', { dpop, body: { refreshToken } }),
        })),
      },
    ],
  }
}

/** Creates ways that sign in once, and again after the session has ended. */
export function createWaysBySession(
  signIn: () => Promise<ProvenTokens>,
): (isEnding: boolean, attemptOf: (tokens: ProvenTokens) => Attempt) => ProofWay['prepare'] {
  return (isEnding, attemptOf) => {
    let attempt: Attempt | undefined
    return async () => {
      if (attempt) return attempt
      const { request, send } = attemptOf(await signIn())
      return (attempt = {
        request,
        async send(dpop) {
          const answer = await send(dpop)
          if (isEnding && answer.status < 300) attempt = undefined
          return answer
        },
      })
    }
  }
}

function tokensIn(body: Readonly<Record<string, unknown>>): ProvenTokens {
  const { accessToken, refreshToken } = body
  if (typeof accessToken === 'string' && typeof refreshToken === 'string')
    return { accessToken, refreshToken }
  throw new Error(`no pair of tokens in the answer: ${Object.keys(body).join(', ')}`)
}
