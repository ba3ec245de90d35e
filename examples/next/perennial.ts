import process from 'node:process'
import { createPerennial, type Perennial } from '@perennial/auth'

// On `globalThis`, because Next.js loads a module again at each hot reload, and once for each route.
const shared: typeof globalThis & { perennial?: Promise<Perennial> } = globalThis

/** The one Perennial of this process. Routes that use it must run on Node (`export const runtime = 'nodejs'`). */
export function getPerennial(): Promise<Perennial> {
  shared.perennial ??= start().catch((error: unknown) => {
    // A store that was away for a moment is tried again by the next request.
    delete shared.perennial
    throw error
  })
  return shared.perennial
}

async function start(): Promise<Perennial> {
  return createPerennial({
    store: process.env['STORE_URL'] ?? 'sqlite:./data/perennial.db',
    secret: process.env['PERENNIAL_SECRET'],
    environment: process.env['NODE_ENV'] === 'production' ? 'production' : 'development',
    memberstack: {
      appId: process.env['MEMBERSTACK_APP_ID'] ?? '',
      secretKey: process.env['MEMBERSTACK_SECRET_KEY'],
      adminUrl: process.env['MEMBERSTACK_ADMIN_URL'],
      webhookSecret: process.env['MEMBERSTACK_WEBHOOK_SECRET'],
    },
  })
}
