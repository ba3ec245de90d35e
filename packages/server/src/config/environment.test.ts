import { describe, expect, it } from 'vitest'
import { findMeant, findNearMiss } from './environment.js'
import { settingNames } from './settings.js'

const names = ['PORT', 'METRICS', 'STORE_URL', 'CORS_ORIGIN', 'PERENNIAL_SECRET']

describe('findNearMiss', () => {
  it.each([
    ['STORE_URI', 'STORE_URL'],
    ['STORE_ULR', 'STORE_URL'],
    ['STOREURL', 'STORE_URL'],
    ['CORS_ORIGINS', 'CORS_ORIGIN'],
    ['CORS_ORGIIN', 'CORS_ORIGIN'],
    ['PERENIAL_SECRET', 'PERENNIAL_SECRET'],
    ['PERENIAL_SECRETS', 'PERENNIAL_SECRET'],
    ['METRIC', 'METRICS'],
  ])('finds that %s means %s', (given, meant) => {
    expect(findNearMiss(given, names)).toBe(meant)
  })

  it.each(['POST', 'PORTS', 'PATH', 'STORE_DIR', 'METER', 'PERENNIAL_URL', ''])(
    'leaves %s alone',
    (given) => {
      expect(findNearMiss(given, names)).toBeNull()
    },
  )
})

describe('findMeant', () => {
  const longNames = settingNames.filter((name) => name.length >= 6 && !name.endsWith('_PROXY'))

  it.each(longNames)('finds every slip of one character in %s', (name) => {
    const slips = Array.from(name, (character, at) => [
      name.slice(0, at) + name.slice(at + 1),
      name.slice(0, at) + character + name.slice(at),
      name.slice(0, at) + name.charAt(at + 1) + character + name.slice(at + 2),
    ]).flat()
    const others = [name.toLowerCase(), name.replaceAll('_', '-'), name.replaceAll('_', ''), `${name}S`]
    for (const given of [...slips, ...others])
      if (!settingNames.includes(given)) expect(findMeant(given, settingNames), given).toBe(name)
  })

  it.each([
    ['ACCESS_TOKEN_TTL', 'ACCESS_TOKEN_TTL_SECONDS'],
    ['SESSION_MAX_DAYS', 'SESSION_MAX_SECONDS'],
    ['RATE_LIMIT_SESSION', 'RATE_LIMIT_SESSION_PER_MINUTE'],
    ['PERENNIAL_CORS_ORIGIN', 'CORS_ORIGIN'],
    ['MEMBERSTACK_API_KEY', 'MEMBERSTACK_SECRET_KEY'],
  ])('finds that %s means %s', (given, meant) => {
    expect(findMeant(given, settingNames)).toBe(meant)
  })

  it.each(['PATH', 'SESSION_MANAGER', 'HTTP_PROXY_PORT', 'ACCESS_TOKEN', 'STORE_DIR', 'HOSTNAME', 'PORTS'])(
    'leaves %s alone',
    (given) => {
      expect(findMeant(given, settingNames)).toBeNull()
    },
  )
})
