import { describe, expect, it } from 'vitest'
import { AuthError, statusOf, type AuthErrorCode } from '../base/errors.js'
import { failure } from '../base/failures.js'
import { errorResponse, json, noContent, toAuthError } from './auth-response.js'

describe('an answer', () => {
  it('is JSON that nobody may keep', () => {
    expect(json(200, { a: 1 }, { headers: { allow: 'GET' }, cookies: ['x=1'] })).toEqual({
      status: 200,
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
        allow: 'GET',
      },
      cookies: ['x=1'],
      body: '{"a":1}',
    })
    expect(noContent()).toEqual({ status: 204, headers: { 'cache-control': 'no-store' }, body: null })
  })
})

describe('errorResponse', () => {
  const codes = Object.entries(statusOf)

  it.each(codes)('answers %s with %i, its message and its code, and nothing else', (code, status) => {
    // The entries are those of the table of codes.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const error = new AuthError(code as AuthErrorCode, 'For people.', {
      reason: 'signature',
      cause: new Error('secret cause'),
      subject: { memberId: 'mem_secret', sessionId: 'secret' },
    })
    const answer = errorResponse(error, 'development')
    expect(answer.status).toBe(status)
    expect(answer.body).toBe(JSON.stringify({ error: 'For people.', code }))
    const isMissing = code === 'AUTH_TOKEN_MISSING'
    const challenge = isMissing ? 'Bearer realm="perennial"' : 'Bearer error="invalid_token"'
    expect(answer.headers['www-authenticate']).toBe(status === 401 ? challenge : undefined)
  })

  it('says whether it may be retried where that is set, false too, and when, in whole seconds from 1', () => {
    const later = (retryAfterSeconds: number) =>
      errorResponse(failure('storeUnreachable', { retryAfterSeconds }), 'production')
    expect(later(2.1).body).toBe(
      '{"error":"The store does not answer as it should.","code":"AUTH_UNAVAILABLE","retryable":true}',
    )
    expect([0, 0.2, 1, 2.1].map((seconds) => later(seconds).headers['retry-after'])).toEqual([
      '1',
      '1',
      '1',
      '3',
    ])
    const refused = new AuthError('AUTH_TOKEN_REFRESH_FAILED', 'No.', { retryable: false })
    const answer = errorResponse(refused, 'production')
    expect(answer.body).toContain('"retryable":false')
    expect(answer.headers['retry-after']).toBeUndefined()
  })

  it('carries the headers and the status of its error', () => {
    const error = new AuthError('AUTH_TOKEN_MISSING', 'No.', { status: 400, headers: { allow: 'GET' } })
    const { status, headers } = errorResponse(error, 'production')
    expect([status, headers['allow'], headers['www-authenticate']]).toEqual([400, 'GET', undefined])
  })

  it.each([new RangeError('a detail'), 'a detail', null, undefined, { message: 'a detail' }])(
    'makes AUTH_INTERNAL_ERROR of %s, with no more than its name in development',
    (thrown) => {
      for (const environment of ['production', 'development'] as const) {
        const { status, body } = errorResponse(thrown, environment)
        expect(status).toBe(500)
        expect(body).toContain('"code":"AUTH_INTERNAL_ERROR"')
        expect(body).not.toContain('a detail')
        expect(body?.includes('RangeError')).toBe(
          environment === 'development' && thrown instanceof RangeError,
        )
      }
      expect(toAuthError(thrown, 'production').cause).toBe(thrown)
    },
  )
})
