import process from 'node:process'
import { createPerennial } from '@perennial/auth'
import { authenticate, createFetchHandler } from '@perennial/auth/fetch'

/** The part of Bun that is used here. The package `@types/bun` has all of it. */
declare const Bun: {
  serve(options: {
    readonly port: number
    fetch(
      request: Request,
      server: { requestIP(request: Request): { address: string } | null },
    ): Promise<Response>
  }): { readonly port: number }
}

const perennial = await createPerennial({
  store: process.env['STORE_URL'] ?? '',
  secret: process.env['PERENNIAL_SECRET'],
  memberstack: {
    appId: process.env['MEMBERSTACK_APP_ID'] ?? '',
    secretKey: process.env['MEMBERSTACK_SECRET_KEY'],
    adminUrl: process.env['MEMBERSTACK_ADMIN_URL'],
    issuer: process.env['MEMBERSTACK_ISSUER'],
  },
})

const { port } = Bun.serve({
  port: Number(process.env['PORT'] ?? 3000),
  async fetch(request, server) {
    if (new URL(request.url).pathname.startsWith('/v1/auth/')) {
      const clientAddress = () => server.requestIP(request)?.address
      return await createFetchHandler(perennial, { clientAddress })(request)
    }
    const member = await authenticate(perennial, request)
    return member instanceof Response ? member : Response.json({ hello: member.user.email })
  },
})
process.stdout.write(`Listening: ${JSON.stringify({ port })}\n`)
