import fastifyJwt, { type FastifyJWTOptions, type TokenOrHeader } from '@fastify/jwt'
import { authenticate } from '@perennial/auth/fastify'
import Fastify, {
  type FastifyInstance,
  type FastifyRequest,
  type onRequestAsyncHookHandler,
  type onRequestHookHandler,
} from 'fastify'
import buildGetJwks from 'get-jwks'
import { createPublicKey } from 'node:crypto'
import { memberOf, nobody, open, portOf, type Contender, type Setup } from './contender.ts'
import { startPerennial } from './perennial.ts'
import { readKeys } from './read-keys.ts'

type Hook = onRequestHookHandler | onRequestAsyncHookHandler

async function serve(
  app: FastifyInstance,
  onRequest: Hook | null,
  memberIn: (request: FastifyRequest) => object,
): Promise<number> {
  if (onRequest) app.addHook('onRequest', onRequest)
  app.get('/me', (request) => memberIn(request))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return portOf(app.server)
}

/** As its README verifies against a key set, with everything it can be told to look at. */
function verifyOptions({ issuer, audience }: Setup): NonNullable<FastifyJWTOptions['verify']> {
  return { algorithms: ['RS256'], allowedIss: issuer, allowedAud: audience, requiredClaims: ['exp'] }
}

async function serveWithJwt(options: FastifyJWTOptions): Promise<number> {
  const app = Fastify()
  await app.register(fastifyJwt, options)
  return serve(
    app,
    // Not with a callback: its cache is left out then.
    async (request: FastifyRequest) => {
      await request.jwtVerify()
    },
    (request) => memberOf(request.user),
  )
}

function fromKeySet(setup: Setup, cache: number | false): FastifyJWTOptions {
  const keys = buildGetJwks({ jwksPath: new URL(setup.keySetUrl).pathname })
  const { origin } = new URL(setup.keySetUrl)
  return {
    decode: { complete: true },
    secret: (_request: FastifyRequest, token: TokenOrHeader) => {
      const { kid, alg } = 'header' in token ? token.header : token
      return keys.getPublicKey({ kid: String(kid), alg: String(alg), domain: origin })
    },
    verify: { ...verifyOptions(setup), ...(cache ? { cache } : {}) },
  }
}

/** Its quickest: one key, known from the start and for good. */
async function pinned(setup: Setup, cache: number): Promise<FastifyJWTOptions> {
  const [key] = await readKeys(setup.keySetUrl)
  if (!key) throw new Error('the key set is empty')
  const pem = createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  return { secret: { public: pem.toString(), private: '' }, verify: { ...verifyOptions(setup), cache } }
}

/** Room for all tokens of the bench: with `true` it is 1,000. */
const cacheSize = 20_000

/** On Fastify 5. */
export const fastifyServers: readonly Contender[] = [
  { name: open, start: () => serve(Fastify(), null, () => nobody) },
  {
    name: '@perennial/auth/fastify',
    start: async (setup) =>
      serve(Fastify(), authenticate(await startPerennial(setup)), (request) => ({
        id: request.memberstackUser?.userId,
      })),
  },
  { name: '@fastify/jwt + get-jwks', start: (setup) => serveWithJwt(fromKeySet(setup, false)) },
  {
    name: '@fastify/jwt + get-jwks, its cache',
    start: (setup) => serveWithJwt(fromKeySet(setup, cacheSize)),
  },
  {
    name: '@fastify/jwt, one pinned key, its cache',
    start: async (setup) => serveWithJwt(await pinned(setup, cacheSize)),
  },
]
