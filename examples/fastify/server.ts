import process from 'node:process'
import { createPerennial } from '@perennial/auth'
import { authenticate, jwks, perennialAuth, perennialWebhook, requireRoles } from '@perennial/auth/fastify'
import Fastify from 'fastify'

const {
  MEMBERSTACK_APP_ID: appId = '',
  MEMBERSTACK_SECRET_KEY: secretKey,
  MEMBERSTACK_ADMIN_URL: adminUrl,
  MEMBERSTACK_WEBHOOK_SECRET: webhookSecret,
  PERENNIAL_SECRET: secret,
  PORT = '3000',
} = process.env
const memberstack = { appId, secretKey, adminUrl, webhookSecret }

const app = Fastify()
const perennial = await createPerennial({ store: 'sqlite:./perennial.db', secret, memberstack })
app.register(perennialAuth, { prefix: '/v1/auth', perennial })
app.register(perennialWebhook, { prefix: '/v1/webhooks/memberstack', perennial })
app.get('/projects', { onRequest: [authenticate(perennial), requireRoles('admin')] }, (request) => ({
  owner: request.memberstackUser?.email,
  projects: ['Analytical engine'],
}))
// Other services verify the access tokens with these public keys.
app.get('/.well-known/jwks.json', jwks(perennial))
app.addHook('onClose', () => perennial.close())

await app.listen({ port: Number(PORT), host: '127.0.0.1' })
process.stdout.write(`Listening: ${JSON.stringify(app.server.address())}\n`)
process.once('SIGTERM', () => void app.close())
