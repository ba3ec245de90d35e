import { describe, expect, it } from 'vitest'

import { statusOf } from './errors.js'
import { failure } from './failures.js'

describe('failure', () => {
  it('is 400 where a refresh token is missing, and 401 where another token is', () => {
    expect(failure('refreshTokenMissing').status).toBe(400)
    expect(failure('accessTokenMissing').status).toBe(401)
    expect(failure('memberTokenMissing').status).toBe(401)
  })

  it('takes code, status and message from the table, and lets a call add to them', () => {
    const error = failure('memberstackUnavailable', { retryAfterSeconds: 7, cause: new Error('down') })
    expect(error).toMatchObject({ code: 'AUTH_UNAVAILABLE', status: statusOf.AUTH_UNAVAILABLE })
    expect(error).toMatchObject({ retryable: true, retryAfterSeconds: 7, reason: 'admin' })
  })

  it('puts a detail behind the message', () => {
    expect(failure('requestTooLarge', { detail: 'it is larger than 10 bytes' }).message).toBe(
      'The body of the request is too large: it is larger than 10 bytes.',
    )
  })
})
