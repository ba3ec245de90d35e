import process from 'node:process'
import { createPerennial, type Perennial } from '@perennial/auth'

// Kept on `globalThis`, because Next.js loads a module once for each route and again at each hot reload.
const shared: typeof globalThis & { perennial?: Promise<Perennial> } = globalThis

/** Returns the `Perennial` of this process, created once. Routes that call it must `export const runtime = 'nodejs'`. */
export function getPerennial(): Promise<Perennial> {
  shared.perennial ??= start().catch((error: unknown) => {
    // The next request retries, for example after the store was unavailable.
    delete shared.perennial
    throw error
  })
  return shared.perennial
}

async function start(): Promise<Perennial> {
  return createPerennial({
    store: process.env['STORE_URL'] ?? 'sqlite:./data/perennial.db',
    secret: process.env['PERENNIAL_SECRET'],
    memberstack: {
      appId: process.env['MEMBERSTACK_APP_ID'] ?? '',
      secretKey: process.env['MEMBERSTACK_SECRET_KEY'],
      adminUrl: process.env['MEMBERSTACK_ADMIN_URL'],
      webhookSecret: process.env['MEMBERSTACK_WEBHOOK_SECRET'],
    },
  })
}
