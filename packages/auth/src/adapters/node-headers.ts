import type { IncomingHttpHeaders } from 'node:http'

/** One header of Node's by its lower-case name. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}
