import memberstackAdmin from '@memberstack/admin'
import { authenticate } from '@perennial/auth/express'
import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express'
import { expressjwt, type GetVerificationKey } from 'express-jwt'
import { auth } from 'express-oauth2-jwt-bearer'
import jsonwebtoken from 'jsonwebtoken'
import jwksRsa from 'jwks-rsa'
import { memberOf, nobody, open, portOf, type Contender, type Setup } from './contender.ts'
import { startPerennial } from './perennial.ts'

/** As the README of jwks-rsa recommends. */
const keySetOptions = ({ keySetUrl }: Setup) => ({
  jwksUri: keySetUrl,
  cache: true,
  rateLimit: true,
  jwksRequestsPerMinute: 5,
})

/** Answers with the status an error names, as Express itself does, without printing its stack. */
const answerError: ErrorRequestHandler = (error: { status?: number }, _request, response, _next) => {
  response.status(error.status ?? 500).end()
}

function serve(
  middleware: RequestHandler | null,
  memberIn: (request: Request, response: Response) => object,
): Promise<number> {
  const app = express()
  // At the route that it protects, as the README has it.
  app.get('/me', ...(middleware ? [middleware] : []), (request, response) => {
    response.json(memberIn(request, response))
  })
  app.use(answerError)
  return portOf(app.listen(0, '127.0.0.1'))
}

/** By hand, as most applications that use the two have it. */
function byHand(verify: (token: string) => Promise<unknown>): RequestHandler {
  return async (request, response, next) => {
    try {
      response.locals['claims'] = await verify(request.headers.authorization?.split(' ')[1] ?? '')
    } catch {
      response.status(401).json({ error: 'Unauthorized' })
      return
    }
    next()
  }
}

function withJsonwebtoken(setup: Setup): RequestHandler {
  const keys = jwksRsa(keySetOptions(setup))
  const { issuer, audience } = setup
  return byHand(
    (token) =>
      new Promise((resolve, reject) => {
        jsonwebtoken.verify(
          token,
          (header, found) => {
            keys.getSigningKey(header.kid).then(
              (key) => found(null, key.getPublicKey()),
              (error: Error) => found(error),
            )
          },
          { algorithms: ['RS256'], issuer, audience },
          (error, claims) => (error ? reject(error) : resolve(claims)),
        )
      }),
  )
}

function withMemberstackAdmin({ audience }: Setup): RequestHandler {
  // Its key-set address is a constant; memberstack-admin-hook.ts points it at loopback.
  const memberstack = memberstackAdmin.init('sk_sb_bench')
  return byHand((token) => memberstack.verifyToken({ token, audience }))
}

const ofHand = (_request: Request, response: Response) => memberOf(response.locals['claims'])

/** On Express 5. */
export const expressServers: readonly Contender[] = [
  { name: open, start: () => serve(null, () => nobody) },
  {
    name: '@perennial/auth/express',
    start: async (setup) =>
      serve(authenticate(await startPerennial(setup)), (request) => ({
        id: request.memberstackUser?.userId,
      })),
  },
  { name: 'jsonwebtoken + jwks-rsa', start: (setup) => serve(withJsonwebtoken(setup), ofHand) },
  {
    name: 'express-oauth2-jwt-bearer',
    start: ({ keySetUrl, issuer, audience }) =>
      serve(auth({ jwksUri: keySetUrl, issuer, audience, tokenSigningAlg: 'RS256' }), (request) =>
        memberOf(request.auth?.payload),
      ),
  },
  {
    name: 'express-jwt + jwks-rsa',
    start: (setup) => {
      const { issuer, audience } = setup
      // The two packages type the same function apart.
      const secret = jwksRsa.expressJwtSecret(keySetOptions(setup)) as GetVerificationKey
      return serve(expressjwt({ secret, issuer, audience, algorithms: ['RS256'] }), (request) =>
        memberOf('auth' in request ? request.auth : null),
      )
    },
  },
  { name: '@memberstack/admin', start: (setup) => serve(withMemberstackAdmin(setup), ofHand) },
]
