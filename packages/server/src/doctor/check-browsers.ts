import type { Config } from '../config/index.js'
import { findingsAbout, type Finding } from './finding.js'

/** Cookie and CORS settings that pass one by one but cannot work together. */
export function checkBrowsers({ corsOrigins, refreshTokenTransport, environment }: Config): Finding[] {
  const browsers = findingsAbout('browsers')
  if (refreshTokenTransport === 'body') return [browsers.ok(describeBody(corsOrigins))]
  const urls = corsOrigins.map((origin) => new URL(origin))
  const plain = urls.filter(({ protocol, hostname }) => protocol === 'http:' && !isLoopback(hostname))
  if (plain.length > 0)
    return [
      browsers.error(
        `pages on ${plain.map(({ origin }) => origin).join(', ')} cannot use the cookie, which travels over https alone. Serve them over https, or set REFRESH_TOKEN_TRANSPORT=body.`,
      ),
    ]
  const sites = new Set(urls.map(({ hostname }) => hostname.split('.').slice(-2).join('.')))
  if (sites.size > 1)
    return [
      browsers.warning(
        `CORS_ORIGIN names several sites (${[...sites].join(', ')}), but the cookie is SameSite=Strict: only pages of the service's own site can use it. Set REFRESH_TOKEN_TRANSPORT=body for the others.`,
      ),
    ]
  if (environment === 'production' && urls.length === 0)
    return [browsers.ok('cookie, for pages of the service itself. Others need CORS_ORIGIN.')]
  return [browsers.ok('cookie; pages and service must be of one site and on https.')]
}

function describeBody(origins: readonly string[]): string {
  if (origins.includes('*')) return 'refresh token in bodies; pages of every origin may call.'
  if (origins.length === 0)
    return 'refresh token in bodies; only pages of the service itself may call. Others need CORS_ORIGIN.'
  return `refresh token in bodies; pages of ${origins.join(', ')} may call.`
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}
