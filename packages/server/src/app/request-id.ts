import { randomUUID } from 'node:crypto'

/** Short enough, and of such letters, that no token fits: it is logged and answered. */
const acceptable = /^[A-Za-z0-9_-]{8,36}$/

/** The caller's `x-request-id` where it can be taken, else a new one. */
export function readRequestId(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' && acceptable.test(header) ? header : randomUUID()
}
