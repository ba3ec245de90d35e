import { listKeys } from './option-kinds.js'
import type { PerennialOptions } from './perennial-options.js'

/** A rule about several options that is broken. */
export interface Conflict {
  /** The options that the rule looks at. It is left out if one of them is bad by itself. */
  readonly of: readonly string[]
  readonly problem: string
}

/** Returns the conflicts between options that are each valid. */
export function* findConflicts(
  options: PerennialOptions,
  environment: 'production' | 'development',
): Generator<Conflict> {
  yield* modeConflicts(options)
  yield* browserConflicts(options)
  yield* forwardModeConflicts(options)
  yield* dpopConflicts(options)
  yield* issuerConflicts(options)
  yield* keyConflicts(options)
  if (environment === 'production' && options.secret === undefined)
    yield {
      of: ['secret'],
      problem:
        'secret is required in production. A good example: secret: process.env.PERENNIAL_SECRET, from openssl rand -base64 32',
    }
}

function* keyConflicts({ secret = [], adminKey = [] }: PerennialOptions): Generator<Conflict> {
  const secrets = listKeys(secret)
  if (listKeys(adminKey).some((key) => secrets.includes(key)))
    yield {
      of: ['adminKey', 'secret'],
      problem: 'adminKey is a key of secret. A good example: a key of its own, from openssl rand -base64 32',
    }
}

function* modeConflicts({ memberstack }: PerennialOptions): Generator<Conflict> {
  const { secretKey, refreshUrl, jwks, jwksUri } = memberstack
  if (refreshUrl === undefined && !secretKey)
    yield {
      of: ['memberstack.secretKey', 'memberstack.refreshUrl'],
      problem:
        'session mode needs memberstack.secretKey (sk_…), or set memberstack.refreshUrl. A good example: secretKey: process.env.MEMBERSTACK_SECRET_KEY',
    }
  if (refreshUrl !== undefined && jwks === undefined && jwksUri === undefined)
    yield {
      of: ['memberstack.jwks', 'memberstack.jwksUri', 'memberstack.refreshUrl'],
      problem:
        "forward mode needs memberstack.jwks (pinned keys) or memberstack.jwksUri. A good example: jwksUri: 'https://keys.example.com/jwks.json'",
    }
}

function* browserConflicts({
  refreshTokenTransport,
  pages,
  deviceBoundSessions,
  memberstack,
  allowedOrigins = [],
}: PerennialOptions): Generator<Conflict> {
  for (const [name, isOn] of Object.entries({ pages, deviceBoundSessions }))
    if (isOn && refreshTokenTransport !== 'cookie')
      yield {
        of: [name, 'refreshTokenTransport'],
        problem: `${name}: true needs refreshTokenTransport: 'cookie'`,
      }
  if (refreshTokenTransport !== 'cookie') return
  if (memberstack.refreshUrl !== undefined)
    yield {
      of: ['refreshTokenTransport', 'memberstack.refreshUrl'],
      problem:
        "refreshTokenTransport: cookie works in session mode only. A good example: refreshTokenTransport: 'body'",
    }
  if (allowedOrigins.includes('*'))
    yield {
      of: ['allowedOrigins'],
      problem:
        "allowedOrigins must name each origin when the refresh token travels in a cookie. A good example: allowedOrigins: ['https://app.example.com']",
    }
}

/** An option that would have no effect is refused: its writer relies on it. */
function* forwardModeConflicts({
  memberstack,
  claimsOf,
  requiredPlans = [],
}: PerennialOptions): Generator<Conflict> {
  if (memberstack.refreshUrl === undefined) return
  const leaveOut = (name: string) => `A good example: leave out ${name} or memberstack.refreshUrl`
  if (claimsOf !== undefined)
    yield {
      of: ['claimsOf'],
      problem: `claimsOf works in session mode only: in forward mode the access tokens are not ours. ${leaveOut('claimsOf')}`,
    }
  if (requiredPlans.length > 0)
    yield {
      of: ['requiredPlans'],
      problem: `requiredPlans is checked in session mode only. ${leaveOut('requiredPlans')}`,
    }
}

/** A proof is made by a script of the page. A cookie is sent without one, and forward mode has no sessions that could be bound. */
function* dpopConflicts({
  dpop = {},
  refreshTokenTransport,
  memberstack,
}: PerennialOptions): Generator<Conflict> {
  const used = dpop.required ? 'dpop.required' : dpop.mode === 'all' ? 'dpop.mode' : undefined
  if (used === undefined) return
  if (refreshTokenTransport === 'cookie')
    yield {
      of: [used, 'refreshTokenTransport'],
      problem: `${used} needs refreshTokenTransport: 'body', because a browser sends a cookie without a proof. A good example: leave out ${used} or refreshTokenTransport`,
    }
  if (memberstack.refreshUrl !== undefined)
    yield {
      of: [used, 'memberstack.refreshUrl'],
      problem: `${used} works in session mode only. A good example: leave out ${used} or memberstack.refreshUrl`,
    }
}

function* issuerConflicts({ issuer, memberstack }: PerennialOptions): Generator<Conflict> {
  const { issuer: theirs = 'https://api.memberstack.com' } = memberstack
  if (issuer === theirs)
    yield {
      of: ['issuer', 'memberstack.issuer'],
      problem:
        "issuer is also the issuer of Memberstack: tokens could not be distinguished. A good example: issuer: 'perennial'",
    }
}
