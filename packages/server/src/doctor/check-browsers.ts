import { isIP } from 'node:net'
import { isPlainHttpElsewhere, type Config } from '../config/index.js'
import { findingsAbout, type Finding } from './finding.js'

/** Cookie and CORS settings that pass one by one but cannot work together. */
export function checkBrowsers({ corsOrigins, refreshTokenTransport, environment }: Config): Finding[] {
  const browsers = findingsAbout('browsers')
  const plain = corsOrigins.filter((origin) => origin !== '*' && isPlainHttpElsewhere(origin))
  if (refreshTokenTransport === 'body')
    return [browsers.ok(describeBody(corsOrigins)), ...(plain.length > 0 ? [warnOfPlain(plain)] : [])]
  const urls = corsOrigins.map((origin) => new URL(origin))
  if (plain.length > 0)
    return [
      browsers.error(
        `pages on ${plain.join(', ')} cannot use the cookie, which travels over https alone. Serve them over https and name them so in CORS_ORIGIN, or set REFRESH_TOKEN_TRANSPORT=body.`,
      ),
    ]
  const problem = describeSites(urls)
  if (problem !== null) return [browsers.warning(problem)]
  if (environment === 'production' && urls.length === 0)
    return [browsers.ok('cookie, for pages of the service itself. Others need CORS_ORIGIN.')]
  return [browsers.ok('cookie; pages and service must be of one site and on https.')]
}

/** Everybody may have a name below these, so that browsers take each name for a site (publicsuffix.org); a few well-known ones. */
const sharedSuffixes =
  /\.(webflow\.io|framer\.(app|website)|vercel\.app|netlify\.app|github\.io|pages\.dev|web\.app)$/

/** Why some of these pages cannot be of the service's own site; null where nothing shows that. */
function describeSites(urls: readonly URL[]): string | null {
  const alone = urls.find(({ hostname }) => sharedSuffixes.test(hostname))
  if (alone !== undefined)
    return `${alone.origin} is a site by itself, and the cookie is SameSite=Strict: it works only if the service is at that very host. Give these pages a domain of your own, and the service one below it, or set REFRESH_TOKEN_TRANSPORT=body.`
  const sites = new Set(urls.map(siteOf))
  if (sites.size <= 1) return null
  return `CORS_ORIGIN names several sites (${[...sites].join(', ')}), but the cookie is SameSite=Strict: only pages of the service's own site can use it. Take the others out, or set REFRESH_TOKEN_TRANSPORT=body.`
}

/** Roughly: the last two labels of a name, and all of an address. */
function siteOf({ hostname }: URL): string {
  return isIP(hostname.replace(/^\[|\]$/g, '')) ? hostname : hostname.split('.').slice(-2).join('.')
}

function warnOfPlain(plain: readonly string[]): Finding {
  return findingsAbout('browsers').warning(
    `pages on ${plain.join(', ')} come over plain http: whoever sits on the way can read their tokens. Serve them over https and name them so in CORS_ORIGIN.`,
  )
}

function describeBody(origins: readonly string[]): string {
  if (origins.includes('*')) return 'refresh token in bodies; pages of every origin may call.'
  if (origins.length === 0)
    return 'refresh token in bodies; only pages of the service itself may call. Others need CORS_ORIGIN.'
  return `refresh token in bodies; pages of ${origins.join(', ')} may call.`
}
