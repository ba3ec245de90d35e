import process from 'node:process'
import { createPerennial, type Perennial } from '@perennial/auth'
import { authenticate, createFetchHandler } from '@perennial/auth/fetch'

/** The part of Netlify's context that is used here. */
interface Context {
  readonly ip: string
  waitUntil(work: Promise<unknown>): void
}

export const config = { path: '/*' }

let opened: Promise<Perennial> | undefined

function open({ env }: typeof process): Promise<Perennial> {
  opened ??= createPerennial({
    store: env['STORE_URL'] ?? '',
    secret: env['PERENNIAL_SECRET'],
    memberstack: {
      appId: env['MEMBERSTACK_APP_ID'] ?? '',
      secretKey: env['MEMBERSTACK_SECRET_KEY'],
      adminUrl: env['MEMBERSTACK_ADMIN_URL'],
      issuer: env['MEMBERSTACK_ISSUER'],
    },
  }).catch((error: unknown) => {
    opened = undefined
    throw error
  })
  return opened
}

// The default export is what Netlify calls.
// oxlint-disable-next-line import/no-default-export
export default async function api(request: Request, context: Context): Promise<Response> {
  const perennial = await open(process)
  const waitUntil = (work: Promise<unknown>) => context.waitUntil(work)
  if (new URL(request.url).pathname.startsWith('/v1/auth/'))
    return await createFetchHandler(perennial, { waitUntil, clientAddress: () => context.ip })(request)
  const member = await authenticate(perennial, request, { waitUntil })
  return member instanceof Response ? member : Response.json({ hello: member.user.email })
}
