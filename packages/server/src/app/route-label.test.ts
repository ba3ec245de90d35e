import { describe, expect, it } from 'vitest'
import { describeService } from '../openapi/index.js'
import { createRouteLabel, methodLabel } from './route-label.js'

describe('createRouteLabel', () => {
  const labelOf = createRouteLabel(describeService('session'))

  it.each([
    ['/v1/auth/refresh-token', '/v1/auth/refresh-token'],
    ['/v1/auth/refresh-token?memberToken=canary', '/v1/auth/refresh-token'],
    ['/v1/auth/sessions/q1Xv0mB3cV9r2kJt7yQe8w', '/v1/auth/sessions/:id'],
    ['/.well-known/jwks.json', '/.well-known/jwks.json'],
    ['/metrics', '/metrics'],
    ['/wp-login.php', 'other'],
    ['/v1/auth/sessions/a/b', 'other'],
    ['//evil', 'other'],
    ['/__proto__', 'other'],
  ])('labels %j as %j', (url, label) => {
    expect(labelOf(url)).toBe(label)
  })

  it('labels an unknown method as other', () => {
    expect([methodLabel('POST'), methodLabel('PROPFIND')]).toEqual(['POST', 'other'])
  })
})
