import { AuthError } from '@perennial/auth'
import type { FastifyRequest } from 'fastify'
import { isLoopback } from '../config/index.js'

/** Whether a request names this machine by a name that no one else can point at it. */
export function isLoopbackHost(host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false
  return isLoopback(new URL(`http://${host}`).hostname)
}

/**
 * Keeps the switches from other pages, DNS rebinding included: only the demo page itself may move them.
 * @throws {@link AuthError} `AUTH_ORIGIN_DENIED`
 */
export function requireDemoPage({ method, headers }: Pick<FastifyRequest, 'method' | 'headers'>): void {
  const { host, origin } = headers
  const isOurs =
    isLoopbackHost(host) && (origin === undefined ? method === 'GET' : origin === `http://${host}`)
  if (isOurs) return
  throw new AuthError('AUTH_ORIGIN_DENIED', 'The demo answers its own page only, opened on this machine.', {
    reason: 'origin',
  })
}
