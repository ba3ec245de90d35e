import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { refuseConnection } from './failures.js'

async function refusalOf(code: string): Promise<string> {
  const socket = new PassThrough()
  refuseConnection(Object.assign(new Error(code), { code }), socket)
  return text(socket)
}

describe('refuseConnection', () => {
  it('marks a request that was too slow as retryable, with Retry-After', async () => {
    const [head = '', body = ''] = (await refusalOf('ERR_HTTP_REQUEST_TIMEOUT')).split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/)
    expect(head).toContain('\r\nRetry-After: 1\r\n')
    expect(head).toContain('\r\nCache-Control: no-store\r\n')
    expect(JSON.parse(body)).toEqual({
      error: 'The request did not arrive in time.',
      code: 'AUTH_UNAVAILABLE',
      retryable: true,
    })
  })

  it('marks no other error as retryable', async () => {
    for (const code of ['HPE_HEADER_OVERFLOW', 'HPE_INVALID_METHOD'])
      expect(await refusalOf(code)).not.toMatch(/retry/i)
  })
})
