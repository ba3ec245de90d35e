import process from 'node:process'
import { serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { createPerennial } from '@perennial/auth'
import { authenticate, createFetchHandler, createWebhookHandler, requireRoles } from '@perennial/auth/fetch'
import { Hono } from 'hono'

const {
  MEMBERSTACK_APP_ID: appId = '',
  MEMBERSTACK_SECRET_KEY: secretKey,
  MEMBERSTACK_ADMIN_URL: adminUrl,
  MEMBERSTACK_WEBHOOK_SECRET: webhookSecret,
  PORT = '3000',
} = process.env
const memberstack = { appId, secretKey, adminUrl, webhookSecret }

const app = new Hono()
const perennial = await createPerennial({ store: 'sqlite:./perennial.db', memberstack })
app.all('/v1/auth/*', (context) => {
  // Without an address all callers would share the limits of one.
  const clientAddress = () => getConnInfo(context).remote.address ?? 'unknown'
  return createFetchHandler(perennial, { clientAddress })(context.req.raw)
})
const webhook = createWebhookHandler(perennial)
app.all('/v1/webhooks/memberstack', (context) => webhook(context.req.raw))
app.get('/projects', async (context) => {
  const member = await authenticate(perennial, context.req.raw)
  if (member instanceof Response) return member
  const refusal = requireRoles(perennial, member, 'admin')
  return refusal ?? context.json({ owner: member.user.email, projects: ['Analytical engine'] })
})

const server = serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' }, (address) => {
  process.stdout.write(`Listening: ${JSON.stringify(address)}\n`)
})
process.once('SIGTERM', () => server.close(() => void perennial.close()))
