import { createPerennial, type Perennial } from '@perennial/auth'
import { authenticate, createFetchHandler } from '@perennial/auth/fetch'
import { createPostgresStore } from '@perennial/auth/postgres'
import { Pool } from 'pg'

/** The parts of Supabase's runtime that are used here. */
declare const Deno: {
  readonly env: { get(name: string): string | undefined }
  serve(handle: (request: Request) => Promise<Response>): void
}
declare const EdgeRuntime: { waitUntil(work: Promise<unknown>): void } | undefined

// The address that Supabase gives to each function: a pooler, or the database itself.
const pool = new Pool({ connectionString: Deno.env.get('SUPABASE_DB_URL'), max: 3 })
// A connection that breaks while it is idle is replaced at the next query.
pool.on('error', () => {})

let opened: Promise<Perennial> | undefined

function open(): Promise<Perennial> {
  opened ??= createPerennial({
    store: createPostgresStore(pool),
    secret: Deno.env.get('PERENNIAL_SECRET'),
    memberstack: {
      appId: Deno.env.get('MEMBERSTACK_APP_ID') ?? '',
      secretKey: Deno.env.get('MEMBERSTACK_SECRET_KEY'),
      adminUrl: Deno.env.get('MEMBERSTACK_ADMIN_URL'),
      issuer: Deno.env.get('MEMBERSTACK_ISSUER'),
    },
    ...(typeof EdgeRuntime === 'undefined' ? {} : { waitUntil: (work) => EdgeRuntime.waitUntil(work) }),
  }).catch((error: unknown) => {
    opened = undefined
    throw error
  })
  return opened
}

// The path begins with the name of the function.
const basePath = '/api/v1/auth'

Deno.serve(async (request) => {
  const perennial = await open()
  if (new URL(request.url).pathname.startsWith(`${basePath}/`)) {
    const clientAddress = () => request.headers.get('x-forwarded-for')?.split(',').at(-1)?.trim()
    return await createFetchHandler(perennial, { basePath, clientAddress })(request)
  }
  const member = await authenticate(perennial, request)
  return member instanceof Response ? member : Response.json({ hello: member.user.email })
})
