import { type Environment, findMeant, findNearMiss, isServiceLink, isServiceLinkName } from './environment.js'
import { settingNames, type Settings, type Stage } from './settings.js'

const ourPrefixes =
  /^(PERENNIAL|MEMBERSTACK|RATE_LIMIT|ACCESS_TOKEN|REFRESH|SESSION_(IDLE|MAX)|MEMBER|MAX_SESSIONS|SIGN_IN|EMULATOR|POSTHOG|DPOP)_/

/** Misspellings of these would admit more callers than intended, or none. */
const nearlyOurs = /^(REQUIRED_PLAN|CORS_ORIGIN|TRUST_PROX)/

/** The names to compare with. Without those of proxies: other programs have some of their own, such as `FTP_PROXY`. */
const comparedNames = settingNames.filter((name) => !/^(HTTPS?|NO)_PROXY$/.test(name))

/** The first words of our variables that no other program uses. */
const ourFirstWords = ['PERENNIAL', 'MEMBERSTACK']

/** Returns a line for people for each setting that is valid but probably a mistake. */
export function listWarnings(settings: Settings, env: Environment, environment: Stage): readonly string[] {
  const warnings = [...listUnknownNames(env), ...listServiceLinks(env), ...listIneffective(settings)]
  const warnIf = (condition: boolean, line: string) => {
    if (condition) warnings.push(line)
  }
  warnIf(
    !['production', 'development', 'test', undefined].includes(settings.NODE_ENV),
    'NODE_ENV is not production, development or test, and counts as development. Set NODE_ENV=production if real members depend on the service.',
  )
  warnIf(
    environment === 'production' && settings.STORE_URL.kind === 'memory',
    'STORE_URL=memory: signs all members out at every restart.',
  )
  warnIf(
    (settings.SESSION_IDLE_SECONDS ?? 604_800) <= (settings.ACCESS_TOKEN_TTL_SECONDS ?? 3600),
    'SESSION_IDLE_SECONDS is not longer than ACCESS_TOKEN_TTL_SECONDS: sessions may end before their next refresh.',
  )
  warnIf(
    settings.SESSION_IDLE_SECONDS !== undefined && settings.SESSION_IDLE_SECONDS > maxSeconds(settings),
    'SESSION_IDLE_SECONDS is above SESSION_MAX_SECONDS and has no effect: sessions end at the maximum.',
  )
  warnIf(
    (settings.RATE_LIMIT_IP_PER_MINUTE ?? 100) > (settings.RATE_LIMIT_IP_TOTAL_PER_MINUTE ?? 3000),
    'RATE_LIMIT_IP_PER_MINUTE is above RATE_LIMIT_IP_TOTAL_PER_MINUTE and has no effect: it counts a part of the same requests.',
  )
  const storeOfPlatform = ['REDIS_URL', 'DATABASE_URL'].find((name) => env[name]?.trim())
  warnIf(
    storeOfPlatform !== undefined && !env['STORE_URL']?.trim(),
    `${storeOfPlatform} is set, but only STORE_URL is read: sessions are kept in a SQLite file of this machine. Set STORE_URL to the same address if that is meant.`,
  )
  warnIf(
    settings.PERENNIAL_NEW_SECRET !== undefined,
    'PERENNIAL_NEW_SECRET is set: a wrong PERENNIAL_SECRET signs all members out instead of stopping the start. Remove it after this start.',
  )
  warnIf(
    settings.POSTHOG_HOST !== undefined && settings.POSTHOG_API_KEY === undefined,
    'POSTHOG_HOST has no effect without POSTHOG_API_KEY.',
  )
  return warnings
}

const sessionModeOnly = [
  'PERENNIAL_ISSUER',
  'MEMBERSTACK_WEBHOOK_SECRET',
  'ACCESS_TOKEN_TTL_SECONDS',
  'SESSION_IDLE_SECONDS',
  'SESSION_MAX_SECONDS',
  'SIGN_IN_MAX_AGE_SECONDS',
] as const

function listIneffective(settings: Settings): readonly string[] {
  const isForward = settings.MEMBERSTACK_REFRESH_URL !== undefined
  const inForwardMode = sessionModeOnly
    .filter((name) => isForward && settings[name] !== undefined)
    .map((name) => `${name} has no effect in forward mode (MEMBERSTACK_REFRESH_URL).`)
  const isPinned = settings.MEMBERSTACK_JWKS !== undefined && settings.MEMBERSTACK_JWKS_URI !== undefined
  return isPinned
    ? [...inForwardMode, 'MEMBERSTACK_JWKS_URI has no effect beside MEMBERSTACK_JWKS, whose keys are pinned.']
    : inForwardMode
}

function maxSeconds({ SESSION_MAX_SECONDS = 1_209_600 }: Settings): number {
  return SESSION_MAX_SECONDS
}

/** Returns a line for each variable that is probably a misspelt variable of ours. */
export function listUnknownNames(env: Environment): string[] {
  return Object.keys(env)
    .filter((name) => !settingNames.includes(name) && !isServiceLinkName(name) && !name.startsWith('\uFEFF'))
    .flatMap((name) => {
      const meant = findMeant(name, comparedNames)
      if (meant !== null) return [`${name} is not a known variable. Did you mean ${meant}?`]
      return looksLikeOurs(name) ? [`${name} is not a known variable.`] : []
    })
}

function looksLikeOurs(name: string): boolean {
  const [firstWord = ''] = name.split('_', 1)
  return ourPrefixes.test(name) || nearlyOurs.test(name) || findNearMiss(firstWord, ourFirstWords) !== null
}

function listServiceLinks(env: Environment): string[] {
  return settingNames
    .filter((name) => isServiceLink(name, env))
    .map(
      (name) =>
        `${name} was set by Kubernetes for a Service of that name and is ignored. Set enableServiceLinks: false in the pod, or rename the Service.`,
    )
}
