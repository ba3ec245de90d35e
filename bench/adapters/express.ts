import memberstackAdmin from '@memberstack/admin'
import { authenticate } from '@perennial/auth/express'
import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express'
import { expressjwt, type GetVerificationKey } from 'express-jwt'
import { auth } from 'express-oauth2-jwt-bearer'
import jsonwebtoken from 'jsonwebtoken'
import jwksRsa from 'jwks-rsa'
import { portOf } from '../kit/loopback.ts'
import { appId as audience, issuer } from '../kit/members.ts'
import { memberOf, nobody, open, startPerennial, type Contender, type Setup } from './contender.ts'

/** Options that the README of jwks-rsa recommends. */
const keySetOptions = ({ keySetUrl }: Setup) => ({
  jwksUri: keySetUrl,
  cache: true,
  rateLimit: true,
  jwksRequestsPerMinute: 5,
})

/** Answers with the status of an error, as Express does, but does not print its stack. */
const answerError: ErrorRequestHandler = (error: { status?: number }, _request, response, _next) => {
  response.status(error.status ?? 500).end()
}

function serve(
  middleware: RequestHandler | null,
  memberIn: (request: Request, response: Response) => object,
): Promise<number> {
  const app = express()
  // On the route that it protects, as in the README.
  app.get('/me', ...(middleware ? [middleware] : []), (request, response) => {
    response.json(memberIn(request, response))
  })
  app.use(answerError)
  return portOf(app.listen(0, '127.0.0.1'))
}

/** Creates the middleware that most applications write around such a library. */
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

function withMemberstackAdmin(): RequestHandler {
  // The address of its key set is a constant: server.ts replaces it.
  const memberstack = memberstackAdmin.init('sk_sb_bench')
  return byHand((token) => memberstack.verifyToken({ token, audience }))
}

const verified = (_request: Request, response: Response) => memberOf(response.locals['claims'])

/** The servers on Express 5. */
export const expressServers: readonly Contender[] = [
  { name: open, start: () => serve(null, () => nobody) },
  {
    name: '@perennial/auth/express',
    start: async (setup) =>
      serve(authenticate(await startPerennial(setup)), (request) => ({
        id: request.memberstackUser?.userId,
      })),
  },
  { name: 'jsonwebtoken + jwks-rsa', start: (setup) => serve(withJsonwebtoken(setup), verified) },
  {
    name: 'express-oauth2-jwt-bearer',
    start: ({ keySetUrl }) =>
      serve(auth({ jwksUri: keySetUrl, issuer, audience, tokenSigningAlg: 'RS256' }), (request) =>
        memberOf(request.auth?.payload),
      ),
  },
  {
    name: 'express-jwt + jwks-rsa',
    start: (setup) => {
      // The two packages type the same function apart.
      const secret = jwksRsa.expressJwtSecret(keySetOptions(setup)) as GetVerificationKey
      return serve(expressjwt({ secret, issuer, audience, algorithms: ['RS256'] }), (request) =>
        memberOf('auth' in request ? request.auth : null),
      )
    },
  },
  { name: '@memberstack/admin', start: () => serve(withMemberstackAdmin(), verified) },
]
