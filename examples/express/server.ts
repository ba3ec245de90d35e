import process from 'node:process'
import { createPerennial } from '@perennial/auth'
import { authenticate, authRouter, jwks, memberstackWebhook, requireRoles } from '@perennial/auth/express'
import express from 'express'

const {
  MEMBERSTACK_APP_ID: appId = '',
  MEMBERSTACK_SECRET_KEY: secretKey,
  MEMBERSTACK_ADMIN_URL: adminUrl,
  MEMBERSTACK_WEBHOOK_SECRET: webhookSecret,
  PERENNIAL_SECRET: secret,
  PORT = '3000',
} = process.env
const memberstack = { appId, secretKey, adminUrl, webhookSecret }

const app = express()
const perennial = await createPerennial({ store: 'sqlite:./perennial.db', secret, memberstack })
// Mounted before any body parser, because the signature covers the raw bytes.
app.use('/v1/webhooks/memberstack', memberstackWebhook(perennial))
app.use('/v1/auth', authRouter(perennial))
app.get('/projects', authenticate(perennial), requireRoles('admin'), (req, res) => {
  res.json({ owner: req.memberstackUser?.email, projects: ['Analytical engine'] })
})
// Other services verify the access tokens with these public keys.
app.get('/.well-known/jwks.json', jwks(perennial))

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  process.stdout.write(`Listening: ${JSON.stringify(server.address())}\n`)
})
process.once('SIGTERM', () => server.close(() => void perennial.close()))
