import { getRequestListener } from '@hono/node-server'
import type { Authenticated } from '@perennial/auth'
import { authenticate } from '@perennial/auth/fetch'
import { Hono, type MiddlewareHandler } from 'hono'
import { jwk } from 'hono/jwk'
import { createServer } from 'node:http'
import { memberOf, nobody, open, portOf, type Contender, type Setup } from './contender.ts'
import { startPerennial } from './perennial.ts'
import { readKeys } from './read-keys.ts'

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

/** As examples/hono has it. */
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

function honoJwk({ keySetUrl, issuer, audience }: Setup): MiddlewareHandler {
  return jwk({ jwks_uri: keySetUrl, alg: ['RS256'], verification: { iss: issuer, aud: audience } })
}

/** Its quickest: the key set is read once, and never again. */
async function honoJwkPinned({ keySetUrl, issuer, audience }: Setup): Promise<MiddlewareHandler> {
  return jwk({
    keys: await readKeys(keySetUrl),
    alg: ['RS256'],
    verification: { iss: issuer, aud: audience },
  })
}

/** On Hono 4 with its Node server. */
export const honoServers: readonly Contender[] = [
  { name: open, start: () => serve(null, () => nobody) },
  {
    name: '@perennial/auth/fetch',
    start: async (setup) => serve(await ours(setup), (get) => ({ id: get('member').user.userId })),
  },
  { name: "Hono's jwk", start: (setup) => serve(honoJwk(setup), (get) => memberOf(get('jwtPayload'))) },
  {
    name: "Hono's jwk, keys given once",
    start: async (setup) => serve(await honoJwkPinned(setup), (get) => memberOf(get('jwtPayload'))),
  },
]
