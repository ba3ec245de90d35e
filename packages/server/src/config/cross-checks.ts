import { isServiceLinkName, type Environment } from './environment.js'
import { describeProblem, type SettingName, type Settings, type Stage } from './settings.js'
import { isLoopback } from '@perennial/auth'
import { isPlainHttpElsewhere } from './setting-kinds.js'

/** The input of the checks. */
export interface CrossCheckInput {
  readonly settings: Settings
  readonly env: Environment
  readonly environment: Stage
  /** Returns true for a variable whose own value is bad; in `settings` it counts as not set. */
  readonly isBad: (name: SettingName) => boolean
}

/** A rule about several settings that is broken. */
interface Conflict {
  readonly name: SettingName
  readonly problem: string
  /** @defaultValue the variable with a good value */
  readonly example?: string
  /** The other settings that the rule looks at. */
  readonly beside?: readonly SettingName[]
}

/** Returns one line for each conflict between settings. Rules about a setting that is bad by itself are left out. */
export function crossCheck(input: CrossCheckInput): readonly string[] {
  const { isBad } = input
  return [
    ...memberstackConflicts(input),
    ...addressConflicts(input),
    ...forwardModeConflicts(input),
    ...browserConflicts(input),
    ...dpopConflicts(input),
    ...issuerConflicts(input),
    ...keyConflicts(input),
    ...(input.environment === 'production' ? productionConflicts(input) : []),
  ]
    .filter(({ name, beside = [] }) => ![name, ...beside].some(isBad))
    .map(({ name, problem, example }) => describeProblem(name, problem, example))
}

function* memberstackConflicts({ settings, env, environment }: CrossCheckInput): Generator<Conflict> {
  if (settings.MEMBERSTACK_APP_ID === undefined) {
    if (environment === 'production')
      yield { name: 'MEMBERSTACK_APP_ID', problem: 'is not set, and the emulator never runs in production' }
    // Misspelt names count: whoever sets one does not want the emulator.
    const given = Object.keys(env).find(
      (name) => name.startsWith('MEMBERSTACK_') && !isServiceLinkName(name) && env[name]?.trim(),
    )
    if (given === undefined) return
    if (environment !== 'production')
      yield {
        name: 'MEMBERSTACK_APP_ID',
        problem: `is not set although ${given} is (leave all out to use the emulator)`,
      }
  }
  if (settings.MEMBERSTACK_REFRESH_URL === undefined && settings.MEMBERSTACK_SECRET_KEY === undefined)
    yield {
      name: 'MEMBERSTACK_SECRET_KEY',
      problem: 'is not set: session mode reads every member from Memberstack',
      beside: ['MEMBERSTACK_REFRESH_URL'],
    }
}

/** Addresses of others that are our own. */
function* addressConflicts({ settings }: CrossCheckInput): Generator<Conflict> {
  const { PORT: port, EMULATOR_PORT: emulatorPort, MEMBERSTACK_APP_ID: appId } = settings
  if (port === emulatorPort && port !== 0 && appId === undefined)
    yield {
      name: 'EMULATOR_PORT',
      problem: 'is the same as PORT',
      example: `EMULATOR_PORT=${port < 65_535 ? port + 1 : 8788}`,
      beside: ['PORT', 'MEMBERSTACK_APP_ID'],
    }
  for (const name of ['MEMBERSTACK_ADMIN_URL', 'MEMBERSTACK_REFRESH_URL', 'MEMBERSTACK_JWKS_URI'] as const)
    if (isOwnAddress(settings[name], port))
      yield { name, problem: 'is the address of this service itself', beside: ['PORT'] }
}

function isOwnAddress(text: string | undefined, port: number): boolean {
  const url = text === undefined ? null : URL.parse(text)
  return url?.protocol === 'http:' && isLoopback(url.hostname) && Number(url.port || 80) === port
}

function* keyConflicts({ settings }: CrossCheckInput): Generator<Conflict> {
  const { PERENNIAL_SECRET: secrets = [], PERENNIAL_ADMIN_KEY: keys = [] } = settings
  if (keys.some((key) => secrets.includes(key)))
    yield {
      name: 'PERENNIAL_ADMIN_KEY',
      problem: 'holds a value of PERENNIAL_SECRET, which must not leave the service',
      beside: ['PERENNIAL_SECRET'],
    }
}

function* forwardModeConflicts({ settings }: CrossCheckInput): Generator<Conflict> {
  if (settings.MEMBERSTACK_REFRESH_URL === undefined) return
  if (settings.MEMBERSTACK_JWKS === undefined && settings.MEMBERSTACK_JWKS_URI === undefined)
    yield {
      name: 'MEMBERSTACK_JWKS',
      problem: 'is not set, nor is MEMBERSTACK_JWKS_URI: forward mode needs a key set',
      beside: ['MEMBERSTACK_JWKS_URI'],
    }
  if (settings.REFRESH_TOKEN_TRANSPORT === 'cookie')
    yield {
      name: 'REFRESH_TOKEN_TRANSPORT',
      problem: 'is cookie, which forward mode (MEMBERSTACK_REFRESH_URL) does not support',
    }
  // An error rather than a warning: the operator relies on it to keep members without a plan out.
  if (settings.REQUIRED_PLANS !== undefined)
    yield {
      name: 'REQUIRED_PLANS',
      problem: 'is checked in session mode only',
      example: 'leave out REQUIRED_PLANS or MEMBERSTACK_REFRESH_URL',
    }
  if (settings.ACCESS_TOKEN_CLAIMS !== undefined)
    yield {
      name: 'ACCESS_TOKEN_CLAIMS',
      problem: 'has no effect in forward mode, in which the access tokens are not ours',
      example: 'leave out ACCESS_TOKEN_CLAIMS or MEMBERSTACK_REFRESH_URL',
    }
}

function* browserConflicts({ settings }: CrossCheckInput): Generator<Conflict> {
  const origins = settings.CORS_ORIGIN ?? []
  if (!origins.includes('*')) return
  if (origins.length > 1) yield { name: 'CORS_ORIGIN', problem: 'has * beside other origins' }
  else if (settings.REFRESH_TOKEN_TRANSPORT === 'cookie')
    yield { name: 'CORS_ORIGIN', problem: 'is *, which REFRESH_TOKEN_TRANSPORT=cookie does not allow' }
}

/** An error rather than a warning: the operator relies on it. */
function* dpopConflicts({ settings }: CrossCheckInput): Generator<Conflict> {
  if (settings.DBSC === 'on' && settings.REFRESH_TOKEN_TRANSPORT !== 'cookie')
    yield {
      name: 'DBSC',
      problem: 'needs REFRESH_TOKEN_TRANSPORT=cookie: a browser binds its cookies',
      example: 'leave out DBSC, or set REFRESH_TOKEN_TRANSPORT=cookie',
      beside: ['REFRESH_TOKEN_TRANSPORT'],
    }
  const name =
    settings.DPOP_REQUIRED === 'on' ? 'DPOP_REQUIRED' : settings.DPOP === 'all' ? 'DPOP' : undefined
  if (name === undefined) return
  if (settings.REFRESH_TOKEN_TRANSPORT === 'cookie')
    yield {
      name,
      problem: 'needs REFRESH_TOKEN_TRANSPORT=body: a browser sends a cookie without a proof',
      example: `leave out ${name} or REFRESH_TOKEN_TRANSPORT`,
      beside: ['REFRESH_TOKEN_TRANSPORT'],
    }
  if (settings.MEMBERSTACK_REFRESH_URL !== undefined)
    yield {
      name,
      problem: 'works in session mode only',
      example: `leave out ${name} or MEMBERSTACK_REFRESH_URL`,
      beside: ['MEMBERSTACK_REFRESH_URL'],
    }
}

function* issuerConflicts({ settings }: CrossCheckInput): Generator<Conflict> {
  const theirs = settings.MEMBERSTACK_ISSUER ?? 'https://api.memberstack.com'
  if (settings.PERENNIAL_ISSUER === theirs)
    yield {
      name: 'PERENNIAL_ISSUER',
      problem: 'is also the issuer of Memberstack: tokens could not be distinguished',
      beside: ['MEMBERSTACK_ISSUER'],
    }
}

function* productionConflicts({ settings }: CrossCheckInput): Generator<Conflict> {
  if (settings.PERENNIAL_SECRET === undefined)
    yield { name: 'PERENNIAL_SECRET', problem: 'is not set, and in production none is generated' }

  for (const name of ['MEMBERSTACK_ADMIN_URL', 'MEMBERSTACK_REFRESH_URL', 'MEMBERSTACK_JWKS_URI'] as const) {
    const url = settings[name]
    if (url !== undefined && isPlainHttpElsewhere(url))
      yield {
        name,
        problem: `is plain http to another machine, in production${name === 'MEMBERSTACK_JWKS_URI' ? '; or pin the keys with MEMBERSTACK_JWKS' : ''}`,
      }
  }
}
