import { badSetting, type Environment, type SettingName, type Settings, type Stage } from './settings.js'
import { isPlainHttpElsewhere } from './urls.js'

/**
 * Checks settings that depend on each other.
 * @throws TypeError with one line, as for a bad value
 */
export function crossCheck(settings: Settings, env: Environment, environment: Stage): void {
  checkMemberstack(settings, env, environment)
  checkForwardMode(settings)
  checkBrowsers(settings)
  checkIssuers(settings)
  if (environment === 'production') checkProduction(settings)
}

function checkMemberstack(settings: Settings, env: Environment, environment: Stage): void {
  if (settings.MEMBERSTACK_APP_ID === undefined) {
    if (environment === 'production')
      throw badSetting('MEMBERSTACK_APP_ID', 'is not set, and the emulator never runs in production')
    // Misspelt names count: whoever sets one does not want the emulator.
    const given = Object.keys(env).find((name) => name.startsWith('MEMBERSTACK_') && env[name]?.trim())
    if (given === undefined) return
    throw badSetting(
      'MEMBERSTACK_APP_ID',
      `is not set although ${given} is (leave all out to use the emulator)`,
    )
  }
  if (settings.MEMBERSTACK_REFRESH_URL === undefined && settings.MEMBERSTACK_SECRET_KEY === undefined)
    throw badSetting('MEMBERSTACK_SECRET_KEY', 'is not set: session mode reads every member from Memberstack')
}

function checkForwardMode(settings: Settings): void {
  if (settings.MEMBERSTACK_REFRESH_URL === undefined) return
  if (settings.MEMBERSTACK_JWKS === undefined && settings.MEMBERSTACK_JWKS_URI === undefined)
    throw badSetting(
      'MEMBERSTACK_JWKS',
      'is not set, nor is MEMBERSTACK_JWKS_URI: forward mode needs a key set',
    )
  if (settings.REFRESH_TOKEN_TRANSPORT === 'cookie')
    throw badSetting(
      'REFRESH_TOKEN_TRANSPORT',
      'is cookie, which forward mode (MEMBERSTACK_REFRESH_URL) does not support',
    )
  // An error rather than a warning: the operator relies on it to keep members without a plan out.
  if (settings.REQUIRED_PLANS !== undefined)
    throw new TypeError(
      'REQUIRED_PLANS is checked in session mode only. A good example: leave out REQUIRED_PLANS or MEMBERSTACK_REFRESH_URL',
    )
}

function checkBrowsers(settings: Settings): void {
  const origins = settings.CORS_ORIGIN ?? []
  if (!origins.includes('*')) return
  if (origins.length > 1) throw badSetting('CORS_ORIGIN', 'has * beside other origins')
  if (settings.REFRESH_TOKEN_TRANSPORT === 'cookie')
    throw badSetting('CORS_ORIGIN', 'is *, which REFRESH_TOKEN_TRANSPORT=cookie does not allow')
}

function checkIssuers(settings: Settings): void {
  const theirs = settings.MEMBERSTACK_ISSUER ?? 'https://api.memberstack.com'
  if (settings.PERENNIAL_ISSUER === theirs)
    throw badSetting(
      'PERENNIAL_ISSUER',
      'is also the issuer of Memberstack: tokens could not be distinguished',
    )
}

function checkProduction(settings: Settings): void {
  if (settings.PERENNIAL_SECRET === undefined)
    throw badSetting('PERENNIAL_SECRET', 'is not set, and in production none is generated')
  checkEncrypted('MEMBERSTACK_ADMIN_URL', settings.MEMBERSTACK_ADMIN_URL)
  checkEncrypted('MEMBERSTACK_REFRESH_URL', settings.MEMBERSTACK_REFRESH_URL)
  checkEncrypted(
    'MEMBERSTACK_JWKS_URI',
    settings.MEMBERSTACK_JWKS_URI,
    '; or pin the keys with MEMBERSTACK_JWKS',
  )
}

function checkEncrypted(name: SettingName, url: string | undefined, wayOut = ''): void {
  if (url !== undefined && isPlainHttpElsewhere(url))
    throw badSetting(name, `is plain http to another machine, in production${wayOut}`)
}
