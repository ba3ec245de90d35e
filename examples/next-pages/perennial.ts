import process from 'node:process'
import { createPerennial, type Perennial } from '@perennial/auth'
import { createNextPages } from '@perennial/auth/next'

// Kept on `globalThis`, because Next.js loads a module once for the proxy, once for each route, and again at each hot reload.
const shared: typeof globalThis & { perennial?: Promise<Perennial> } = globalThis

/** Returns the `Perennial` of this process, created at the first request. */
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
    },
    refreshTokenTransport: 'cookie',
    pages: true,
  })
}

/**
 * Returns the last address of `X-Forwarded-For`, which the nearest proxy appended. The addresses before it can be forged
 * by the caller. Without a proxy in front of Next.js the whole header can be forged.
 */
export function clientAddress(request: Request): string | undefined {
  return request.headers.get('x-forwarded-for')?.split(',').at(-1)?.trim()
}

export const { proxy, getMember } = createNextPages(getPerennial, { clientAddress })
