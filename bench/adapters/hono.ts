import { getRequestListener } from '@hono/node-server'
import type { Authenticated } from '@perennial/auth'
import { authenticate } from '@perennial/auth/fetch'
import { Hono, type MiddlewareHandler } from 'hono'
import { jwk } from 'hono/jwk'
import { createServer } from 'node:http'
import { portOf } from '../kit/loopback.ts'
import { appId, issuer } from '../kit/members.ts'
import { memberOf, nobody, open, readKeys, startPerennial, type Contender, type Setup } from './contender.ts'

interface Variables {
  member: Authenticated
  jwtPayload: unknown
}
type Env = { Variables: Variables }

function serve(
  middleware: MiddlewareHandler<Env> | null,
  memberIn: (get: <K extends keyof Variables>(name: K) => Variables[K]) => object,
): Promise<number> {
  const app = new Hono<Env>()
  if (middleware) app.use('/me', middleware)
  app.get('/me', (context) => context.json(memberIn((name) => context.get(name))))
  const listener = getRequestListener(app.fetch)
  return portOf(createServer((request, response) => void listener(request, response)).listen(0, '127.0.0.1'))
}

/** Creates the middleware of examples/hono. */
async function ours(setup: Setup): Promise<MiddlewareHandler<Env>> {
  const perennial = await startPerennial(setup)
  return async (context, next) => {
    const found = authenticate(perennial, context.req.raw)
    const member = found instanceof Promise ? await found : found
    if (member instanceof Response) return member
    context.set('member', member)
    await next()
    return undefined
  }
}

const jwkOptions: Pick<Parameters<typeof jwk>[0], 'alg' | 'verification'> = {
  alg: ['RS256'],
  verification: { iss: issuer, aud: appId },
}

/** The servers on Hono 4 with its Node server. */
export const honoServers: readonly Contender[] = [
  { name: open, start: () => serve(null, () => nobody) },
  {
    name: '@perennial/auth/fetch',
    start: async (setup) => serve(await ours(setup), (get) => ({ id: get('member').user.userId })),
  },
  {
    name: "Hono's jwk",
    start: ({ keySetUrl }) =>
      serve(jwk({ ...jwkOptions, jwks_uri: keySetUrl }), (get) => memberOf(get('jwtPayload'))),
  },
  {
    // Its fastest setup: the keys are read once.
    name: "Hono's jwk, keys given once",
    start: async (setup) =>
      serve(jwk({ ...jwkOptions, keys: await readKeys(setup) }), (get) => memberOf(get('jwtPayload'))),
  },
]
