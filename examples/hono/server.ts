import process from 'node:process'
import { serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { createPerennial, type Authenticated } from '@perennial/auth'
import {
  authenticate,
  createFetchHandler,
  createJwksHandler,
  createWebhookHandler,
  requireRoles,
} from '@perennial/auth/fetch'
import { Hono, type Context } from 'hono'
import { createMiddleware } from 'hono/factory'

const {
  MEMBERSTACK_APP_ID: appId = '',
  MEMBERSTACK_SECRET_KEY: secretKey,
  MEMBERSTACK_ADMIN_URL: adminUrl,
  MEMBERSTACK_WEBHOOK_SECRET: webhookSecret,
  PERENNIAL_SECRET: secret,
  PORT = '3000',
} = process.env
const memberstack = { appId, secretKey, adminUrl, webhookSecret }

type Env = { Variables: { member: Authenticated } }

const app = new Hono()
const perennial = await createPerennial({ store: 'sqlite:./perennial.db', secret, memberstack })

/** Requires a valid access token and sets `context.var.member`. */
const members = createMiddleware<Env>(async (context, next) => {
  const member = await authenticate(perennial, context.req.raw)
  if (member instanceof Response) return member // The refusal: 401 or 503.
  context.set('member', member)
  return next()
})
/** Requires that the member has at least one of these roles. */
const only = (...roles: string[]) =>
  createMiddleware<Env>(async (context, next) => {
    return requireRoles(perennial, context.var.member, ...roles) ?? next()
  })

const handle = createFetchHandler(perennial, {
  // Rate limits are counted by this address. Without it all callers share one count.
  clientAddress: (_request, context: Context) => getConnInfo(context).remote.address,
})
app.all('/v1/auth/*', (context) => handle(context.req.raw, context))
app.get('/projects', members, only('admin'), (context) => {
  return context.json({ owner: context.var.member.user.email, projects: ['Analytical engine'] })
})
const webhook = createWebhookHandler(perennial)
app.all('/v1/webhooks/memberstack', (context) => webhook(context.req.raw))
// Other services verify the access tokens with these public keys.
app.get('/.well-known/jwks.json', createJwksHandler(perennial))

const server = serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' }, (address) => {
  process.stdout.write(`Listening: ${JSON.stringify(address)}\n`)
})
process.once('SIGTERM', () => server.close(() => void perennial.close()))
