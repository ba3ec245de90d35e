import { createPerennial, type Perennial } from '@perennial/auth'
import { createD1Store, type D1LikeDatabase } from '@perennial/auth/d1'
import { authenticate, createFetchHandler } from '@perennial/auth/fetch'

/** The bindings and secrets of the Worker. */
interface Env {
  readonly DB: D1LikeDatabase
  readonly PERENNIAL_SECRET: string
  readonly MEMBERSTACK_APP_ID: string
  readonly MEMBERSTACK_SECRET_KEY: string
  /** Another address than Memberstack's, for tests. */
  readonly MEMBERSTACK_ADMIN_URL?: string
  readonly MEMBERSTACK_ISSUER?: string
}

interface Context {
  waitUntil(work: Promise<unknown>): void
}

// One for all requests of an instance. It is created by the first one, since no I/O is allowed before.
let opened: Promise<Perennial> | undefined

function open(env: Env): Promise<Perennial> {
  opened ??= createPerennial({
    store: createD1Store(env.DB),
    secret: env.PERENNIAL_SECRET,
    memberstack: {
      appId: env.MEMBERSTACK_APP_ID,
      secretKey: env.MEMBERSTACK_SECRET_KEY,
      adminUrl: env.MEMBERSTACK_ADMIN_URL,
      issuer: env.MEMBERSTACK_ISSUER,
    },
  }).catch((error: unknown) => {
    opened = undefined
    throw error
  })
  return opened
}

// Workers export their handlers so.
// oxlint-disable-next-line import/no-default-export
export default {
  async fetch(request: Request, env: Env, context: Context): Promise<Response> {
    const waitUntil = (work: Promise<unknown>) => context.waitUntil(work)
    const opening = open(env)
    // The start goes on for the other requests if this caller hangs up.
    waitUntil(opening)
    const perennial = await opening
    if (new URL(request.url).pathname.startsWith('/v1/auth/')) {
      const clientAddress = () => request.headers.get('cf-connecting-ip') ?? undefined
      return await createFetchHandler(perennial, { waitUntil, clientAddress })(request)
    }
    const member = await authenticate(perennial, request, { waitUntil })
    if (member instanceof Response) return member
    return Response.json({ hello: member.user.email })
  },
}
