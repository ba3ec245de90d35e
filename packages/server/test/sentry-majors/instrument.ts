// Preloaded with `--import`, as Sentry's documentation asks, so that it instruments Express and HTTP.
import process from 'node:process'
import type * as SentryModule from '@sentry/node'

// `SENTRY` names the installed major, e.g. `sentry9`.
const Sentry: typeof SentryModule = await import(process.env['SENTRY'] ?? '')

// An option of versions 9 and 10 only.
const everything = { sendDefaultPii: true }

Sentry.init({
  ...everything,
  dsn: process.env['DSN'] ?? '',
  tracesSampleRate: 1,
  attachStacktrace: true,
  maxBreadcrumbs: 50,
})
