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
import { portOf } from '../kit/loopback.ts'
import { appId, issuer } from '../kit/members.ts'
import { memberOf, nobody, open, readKeys, startPerennial, type Contender, type Setup } from './contender.ts'

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

/** All checks that it has an option for. */
const verify: NonNullable<FastifyJWTOptions['verify']> = {
  algorithms: ['RS256'],
  allowedIss: issuer,
  allowedAud: appId,
  requiredClaims: ['exp'],
}

async function serveWithJwt(options: FastifyJWTOptions): Promise<number> {
  const app = Fastify()
  await app.register(fastifyJwt, options)
  return serve(
    app,
    // With a callback it does not use its cache.
    async (request: FastifyRequest) => {
      await request.jwtVerify()
    },
    (request) => memberOf(request.user),
  )
}

function fromKeySet({ keySetUrl }: Setup, cache: number | false): FastifyJWTOptions {
  const { origin, pathname } = new URL(keySetUrl)
  const keys = buildGetJwks({ jwksPath: pathname })
  return {
    decode: { complete: true },
    secret: (_request: FastifyRequest, token: TokenOrHeader) => {
      const { kid, alg } = 'header' in token ? token.header : token
      return keys.getPublicKey({ kid: String(kid), alg: String(alg), domain: origin })
    },
    verify: { ...verify, ...(cache ? { cache } : {}) },
  }
}

/** Its fastest setup: one key, given at the start. */
async function pinned(setup: Setup, cache: number): Promise<FastifyJWTOptions> {
  const [key] = await readKeys(setup)
  if (!key) throw new Error('the key set is empty')
  const pem = createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  return { secret: { public: pem.toString(), private: '' }, verify: { ...verify, cache } }
}

/** Enough for all tokens of the bench; `true` would be 1,000. */
const cacheSize = 20_000

/** The servers on Fastify 5. */
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
