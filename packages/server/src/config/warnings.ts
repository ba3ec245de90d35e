import { settingNames, type Environment, type Settings, type Stage } from './settings.js'

const ourPrefixes =
  /^(PERENNIAL|MEMBERSTACK|RATE_LIMIT|ACCESS_TOKEN|REFRESH|SESSION_(IDLE|MAX)|MEMBER|SIGN_IN|EMULATOR|POSTHOG)_/

/** Misspellings of these would admit more callers than intended, or none. */
const nearlyOurs = /^(REQUIRED_PLAN|CORS_ORIGIN|TRUST_PROX)/

/** Kubernetes sets these in every container if a Service is called `perennial` or `memberstack`. */
const serviceLinks = /_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_.+)?)$/

/** Returns a line for people for each setting that is valid but probably a mistake. */
export function listWarnings(settings: Settings, env: Environment, environment: Stage): readonly string[] {
  const warnings = unknownNames(env).map((name) => `${name} is not a known variable.`)
  const warnIf = (condition: boolean, line: string) => {
    if (condition) warnings.push(line)
  }
  warnIf(
    !['production', 'development', 'test', undefined].includes(settings.NODE_ENV),
    'NODE_ENV is not production, development or test, and counts as development. Set NODE_ENV=production if real members depend on the service.',
  )
  warnIf(
    environment === 'production' && settings.STORE_URL === 'memory:',
    'STORE_URL=memory: signs all members out at every restart.',
  )
  warnIf(
    (settings.SESSION_IDLE_SECONDS ?? 604_800) <= (settings.ACCESS_TOKEN_TTL_SECONDS ?? 3600),
    'SESSION_IDLE_SECONDS is not longer than ACCESS_TOKEN_TTL_SECONDS: sessions may end before their next refresh.',
  )
  warnIf(
    settings.POSTHOG_HOST !== undefined && settings.POSTHOG_API_KEY === undefined,
    'POSTHOG_HOST has no effect without POSTHOG_API_KEY.',
  )
  return warnings
}

function unknownNames(env: Environment): string[] {
  const known: ReadonlySet<string> = new Set(settingNames)
  return Object.keys(env).filter(
    (name) =>
      (ourPrefixes.test(name) || nearlyOurs.test(name)) && !known.has(name) && !serviceLinks.test(name),
  )
}
