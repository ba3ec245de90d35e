import process from 'node:process'
import { createPerennial, type Perennial } from '@perennial/auth'

let started: Promise<Perennial> | undefined

/** Returns the `Perennial` of this process, created at the first request. */
export function getPerennial(): Promise<Perennial> {
  started ??= start().catch((error: unknown) => {
    // The next request retries, for example after the store was unavailable.
    started = undefined
    throw error
  })
  return started
}

async function start(): Promise<Perennial> {
  return createPerennial({
    store: process.env['STORE_URL'] ?? 'sqlite:./data/perennial.db',
    secret: process.env['PERENNIAL_SECRET'],
    memberstack: {
      appId: process.env['MEMBERSTACK_APP_ID'] ?? '',
      secretKey: process.env['MEMBERSTACK_SECRET_KEY'],
      adminUrl: process.env['MEMBERSTACK_ADMIN_URL'],
    },
    refreshTokenTransport: 'cookie',
    pages: true,
  })
}
