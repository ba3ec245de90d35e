import { isIP } from 'node:net'
import { isPlainHttpElsewhere, type Config } from '../config/index.js'
import { findingsAbout, type Finding } from './finding.js'

/** Checks cookie and CORS settings that are valid one by one but cannot work together. */
export function checkBrowsers({ corsOrigins, refreshTokenTransport, environment }: Config): Finding[] {
  const browsers = findingsAbout('browsers')
  const plain = corsOrigins.filter((origin) => origin !== '*' && isPlainHttpElsewhere(origin))
  if (refreshTokenTransport === 'body')
    return [browsers.ok(describeBody(corsOrigins)), ...(plain.length > 0 ? [warnOfPlain(plain)] : [])]
  const urls = corsOrigins.map((origin) => new URL(origin))
  if (plain.length > 0)
    return [
      browsers.error(
        `pages on ${plain.join(', ')} cannot use the cookie, which is sent over https only. Serve them over https and change CORS_ORIGIN, or set REFRESH_TOKEN_TRANSPORT=body.`,
      ),
    ]
  const problem = describeSites(urls)
  if (problem !== null) return [browsers.warning(problem)]
  if (environment === 'production' && urls.length === 0)
    return [browsers.ok('cookie, for pages of the service itself. Other pages need CORS_ORIGIN.')]
  return [browsers.ok('cookie; pages and service must share a site and use https.')]
}

/** Well-known suffixes under which anyone may have a name; browsers treat each name as a site (publicsuffix.org). */
const sharedSuffixes =
  /\.(webflow\.io|framer\.(app|website)|vercel\.app|netlify\.app|github\.io|pages\.dev|web\.app)$/

/** Returns the reason why some of these pages cannot share the service's site; null if none is known. */
function describeSites(urls: readonly URL[]): string | null {
  const alone = urls.find(({ hostname }) => sharedSuffixes.test(hostname))
  if (alone !== undefined)
    return `${alone.origin} is a site by itself, and the cookie is SameSite=Strict: it works only if the service runs on that host. Give these pages a domain of your own and the service a subdomain of it, or set REFRESH_TOKEN_TRANSPORT=body.`
  const sites = new Set(urls.map(siteOf))
  if (sites.size <= 1) return null
  return `CORS_ORIGIN names several sites (${[...sites].join(', ')}), but the cookie is SameSite=Strict: only pages of the service's own site can use it. Remove the others, or set REFRESH_TOKEN_TRANSPORT=body.`
}

/** Returns an estimate of the site: the last two labels of a name, or the whole address. */
function siteOf({ hostname }: URL): string {
  return isIP(hostname.replace(/^\[|\]$/g, '')) ? hostname : hostname.split('.').slice(-2).join('.')
}

function warnOfPlain(plain: readonly string[]): Finding {
  return findingsAbout('browsers').warning(
    `pages on ${plain.join(', ')} use plain http: anyone on the network path can read their tokens. Serve them over https and change CORS_ORIGIN.`,
  )
}

function describeBody(origins: readonly string[]): string {
  if (origins.includes('*')) return 'refresh token in the body; pages of every origin may call.'
  if (origins.length === 0)
    return 'refresh token in the body; only pages of the service itself may call. Other pages need CORS_ORIGIN.'
  return `refresh token in the body; pages of ${origins.join(', ')} may call.`
}
