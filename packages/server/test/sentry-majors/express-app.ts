// An Express app as Sentry's and PostHog's documentation set it up, with everything about the request in their contexts.
import { once } from 'node:events'
import process from 'node:process'
import { createPerennial } from '@perennial/auth'
import { authenticate, authRouter, requireRoles } from '@perennial/auth/express'
import { createPosthogSink, createSentrySink, fanOut } from '@perennial/auth/telemetry'
import type * as SentryModule from '@sentry/node'
import express, { type RequestHandler } from 'express'
import { PostHog, setupExpressRequestContext } from 'posthog-node'

// The module that `instrument.ts` has started.
const Sentry: typeof SentryModule = await import(process.env['SENTRY'] ?? '')

const {
  APP_ID: appId = '',
  SECRET_KEY: secretKey = '',
  ADMIN_URL: adminUrl,
  POSTHOG: host = '',
} = process.env
const posthog = new PostHog('phc_test', { host, flushAt: 1 })
const scope = new Sentry.Scope()
scope.setClient(Sentry.getClient())
const perennial = await createPerennial({
  store: 'memory:',
  memberstack: { appId, secretKey, adminUrl },
  telemetry: fanOut([
    createSentrySink({ client: process.env['CLIENT'] === 'scope' ? scope : Sentry }),
    createPosthogSink(posthog),
  ]),
})

/** Puts the request into every place of the scopes that an application can reach. */
const describeRequest: RequestHandler = (request, _response, next) => {
  const credentials = { ...request.headers, body: JSON.stringify(request.body) }
  const text = JSON.stringify(credentials)
  for (const scope of [Sentry.getCurrentScope(), Sentry.getIsolationScope(), Sentry.getGlobalScope()]) {
    scope.setUser({ id: text })
    scope.setContext('credentials', credentials)
    scope.setExtra('credentials', text)
    scope.setTag('credentials', String(request.headers.authorization))
    scope.addBreadcrumb({ message: text })
    scope.addAttachment({ filename: 'credentials.json', data: text })
    scope.setTransactionName(text)
  }
  next()
}

const app = express()
setupExpressRequestContext(posthog, app)
app.use(express.json())
app.use(describeRequest)
app.use('/v1/auth', authRouter(perennial))
app.get('/admin', authenticate(perennial), requireRoles('nobody'), (_request, response) => response.end())
app.post('/control', (_request, response) => {
  Sentry.captureException(new Error('control'))
  posthog.capture({ distinctId: 'control', event: 'control' })
  response.end()
})
Sentry.setupExpressErrorHandler(app)
app.use(((_error, _request, response, _next) => {
  response.status(500).end()
}) satisfies express.ErrorRequestHandler)

const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
process.send?.(server.address())
process.once('message', () => {
  void Promise.all([Sentry.flush(10_000), posthog.flush()]).then(() => process.send?.('flushed'))
})
