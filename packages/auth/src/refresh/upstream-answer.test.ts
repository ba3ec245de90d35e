import { describe, expect, it } from 'vitest'

import { HttpFailure } from '../base/http-client.js'
import { readUpstreamAnswer, readUpstreamFailure } from './upstream-answer.js'

describe('readUpstreamAnswer', () => {
  const now = 1_000
  const read = (status: number, body: unknown, headers: Record<string, string> = {}) =>
    readUpstreamAnswer({ status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) }, now)
  const tokens = { accessToken: 'a', refreshToken: 'r' }

  it.each([
    ['at the top', tokens],
    ['in data', { data: tokens }],
    ['in data.tokens', { data: { tokens } }],
    ['in data.tokens, beside a member', { data: { member: { id: 'mem_1' }, tokens } }],
  ])('takes the tokens %s', (_where, body) => {
    expect(read(200, body)).toEqual({ kind: 'answered', accessToken: 'a', refreshToken: 'r' })
  })

  it.each([undefined, null, ''])('takes a refresh token of %j for none', (refreshToken) => {
    expect(read(201, { accessToken: 'a', refreshToken })).toEqual({ kind: 'answered', accessToken: 'a' })
  })

  it.each([7, {}, 'a b', 'x'.repeat(4097), 'ü'])(
    'does not hand on a refresh token that could not be presented again',
    (refreshToken) => {
      expect(read(200, { accessToken: 'a', refreshToken })).toMatchObject({
        kind: 'unavailable',
        status: 502,
        reason: 'unusable_refresh_token',
      })
    },
  )

  it.each([
    '',
    'null',
    '[]',
    '"a"',
    '{}',
    '{"accessToken":7}',
    '{"accessToken":""}',
    '{"data":null}',
    '{"data":{"tokens":[]}}',
    '{"accessToken":"a"',
    '<html>',
    '{"__proto__":{"accessToken":"a"}}',
  ])('finds no access token in %j: 502', (body) => {
    expect(read(200, body)).toMatchObject({ kind: 'unavailable', status: 502, reason: 'no_access_token' })
  })

  it('takes any 401 for a refusal, whatever its body says', () => {
    expect(read(401, '<html>')).toEqual({ kind: 'refused', reason: 'upstream' })
  })

  it.each(['invalid_grant', 'invalid_token', 'invalid_refresh_token', 'expired_token'])(
    'takes a 400 that says %s for a refusal, in error or in code',
    (word) => {
      expect(read(400, { error: word }).kind).toBe('refused')
      expect(read(400, { error: 'a sentence', code: word }).kind).toBe('refused')
    },
  )

  it.each<unknown>([
    '',
    '<html>',
    'invalid_grant',
    { error: 'invalid_client' },
    { error: { code: 'invalid_grant' } },
    { message: 'invalid_grant' },
    { error: 'this is no invalid_grant' },
    { error: 'INVALID_GRANT' },
    { code: 'expired-token' },
  ])('takes any other 400 for trouble (%j)', (body) => {
    expect(read(400, body)).toMatchObject({ kind: 'unavailable', status: 502, reason: 'status_400' })
  })

  it('does not take the words of a refusal for one under another status', () => {
    expect(read(403, { error: 'invalid_grant' })).toMatchObject({ kind: 'unavailable', status: 502 })
    expect(read(500, { error: 'invalid_grant' })).toMatchObject({ kind: 'unavailable', status: 503 })
  })

  it.each([
    [199, 502],
    [300, 502],
    [302, 502],
    [403, 502],
    [404, 502],
    [429, 503],
    [500, 503],
    [503, 503],
  ])('answers %d with %d', (status, answered) => {
    expect(read(status, '')).toEqual({
      kind: 'unavailable',
      status: answered,
      reason: `status_${String(status)}`,
      retryAfterSeconds: 1,
      target: 'refresh',
    })
  })

  it('passes Retry-After on, as seconds or as a date', () => {
    expect(read(429, '', { 'retry-after': '17' })).toMatchObject({ retryAfterSeconds: 17 })
    const date = new Date((now + 17) * 1000).toUTCString()
    expect(read(503, '', { 'retry-after': date })).toMatchObject({ retryAfterSeconds: 17 })
  })
})

describe('readUpstreamFailure', () => {
  it.each([
    ['timeout', 503],
    ['connect', 503],
    ['reset', 503],
    ['too-large', 502],
  ] as const)('answers %s with %d', (kind, status) => {
    expect(readUpstreamFailure(new HttpFailure(kind, true))).toMatchObject({ kind: 'unavailable', status })
  })
})
