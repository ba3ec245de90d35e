import { describe, expect, it } from 'vitest'
import { findNearMiss } from './environment.js'

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
