import process from 'node:process'
import { createPerennial, type Perennial } from '@perennial/auth'

// On `globalThis`, because Next.js loads a module again at each hot reload, and once for each route.
const shared: typeof globalThis & { perennial?: Promise<Perennial> } = globalThis

/** The one Perennial of this process. Routes that use it must run on Node (`export const runtime = 'nodejs'`). */
export function getPerennial(): Promise<Perennial> {
  shared.perennial ??= createPerennial({
    store: process.env['STORE_URL'] ?? 'sqlite:./data/perennial.db',
    secret: process.env['PERENNIAL_SECRET'],
    environment: process.env['NODE_ENV'] === 'production' ? 'production' : 'development',
    memberstack: {
      appId: process.env['MEMBERSTACK_APP_ID'] ?? '',
      secretKey: process.env['MEMBERSTACK_SECRET_KEY'],
      adminUrl: process.env['MEMBERSTACK_ADMIN_URL'],
    },
  })
  return shared.perennial
}
