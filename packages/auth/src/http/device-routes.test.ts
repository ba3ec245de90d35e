import { describe, expect, it } from 'vitest'

import type { DeviceKeys, DeviceRequest } from '../sessions/index.js'
import type { PresentedProof } from '../tokens/index.js'
import type { AuthRequest } from './auth-request.js'
import { createDeviceRoutes, shownProof } from './device-routes.js'
import { findRoute } from './endpoints.js'
import { createCookieTransport } from './refresh-token-transport.js'

const sessionId = 'abcdefgh12345678'
const boundCookie = '__Host-perennial-bound-abcdefgh=shown'
const skipped = { 'secure-session-skipped': 'quota_exceeded' }

const requestWith = (headers: Readonly<Record<string, string>>, method = 'POST'): AuthRequest => ({
  method,
  path: '/dbsc/refresh',
  requestId: 'r',
  header: (name) => headers[name],
  readBody: async () => ({ kind: 'bytes', bytes: new Uint8Array() }),
})

/** Keys of browsers whose cookie `shown` shows the key `good`, and what they were asked. */
function createDevices() {
  const asked: [string, DeviceRequest][] = []
  const shown: PresentedProof = {
    judge: () => ({ jkt: 'good' }),
    use: async (jkt) => (jkt === 'good' ? null : 'other_key'),
    keyFor: (id) => (id === sessionId ? 'good' : undefined),
  }
  const devices: DeviceKeys = {
    offer: () => 'challenge',
    register: () => Promise.reject(new Error('not asked for')),
    async renew(identifier, request) {
      asked.push([identifier, request])
      return { kind: 'over' }
    },
    sessionIdOf: () => sessionId,
    shown: (cookie) =>
      cookie === 'shown' ? shown : { judge: () => ({ reason: 'malformed' }), use: async () => 'malformed' },
  }
  return { asked, devices, shown }
}

describe('the proof that the cookie of a session is', () => {
  const { devices, shown } = createDevices()

  it('is the one of the cookie of that session', () => {
    const request = requestWith({ cookie: boundCookie })
    expect(shownProof(request, { devices, ofSession: sessionId })).toBe(shown)
    expect(shownProof(request, { devices, ofSession: '12345678abcdefgh' })).toBeUndefined()
    expect(shownProof(request, { devices, ofSession: null })).toBeUndefined()
    expect(shownProof(requestWith({}), { devices, ofSession: sessionId })).toBeUndefined()
  })

  it('counts as before where the browser says that it skipped a renewal', async () => {
    const request = requestWith({ ...skipped, cookie: boundCookie })
    const proof = shownProof(request, { devices, ofSession: sessionId })
    expect(proof?.judge()).toEqual({ jkt: 'good' })
    expect(await proof?.use('good')).toBeNull()
    expect(proof?.keyFor?.(sessionId)).toBe('good')
    expect(proof?.keyFor?.('another')).toBeUndefined()
  })

  it.each([
    ['none', ''],
    ['one that is refused', '__Host-perennial-bound-abcdefgh=other'],
  ])('is trouble and no refusal there if it is %s', async (_name, cookie) => {
    const proofOf = (method: string) =>
      shownProof(requestWith({ ...skipped, cookie }, method), { devices, ofSession: sessionId })
    const trouble = { status: 503, retryable: true, retryAfterSeconds: 30, reason: 'skipped' }
    await expect(proofOf('POST')?.use('good')).rejects.toMatchObject({
      ...trouble,
      code: 'AUTH_TOKEN_REFRESH_FAILED',
    })
    await expect(proofOf('DELETE')?.use('good')).rejects.toMatchObject({
      ...trouble,
      code: 'AUTH_UNAVAILABLE',
    })
    expect(proofOf('POST')?.judge()).toEqual({ reason: cookie === '' ? 'missing' : 'malformed' })
    expect(proofOf('POST')?.keyFor?.(sessionId)).toBeUndefined()
  })
})

describe('the route by which a browser renews the cookie', () => {
  const renewWith = async (headers: Readonly<Record<string, string>>) => {
    const { asked, devices } = createDevices()
    const transport = createCookieTransport({ maxAgeSeconds: 600, allowedOrigins: [], clock: () => 0 })
    const { route } = findRoute(createDeviceRoutes({ devices, transport }), 'POST', '/dbsc/refresh')
    const caller = { address: () => '', beforeAsking: async () => {} }
    const answer = await route.answer(requestWith(headers), '', caller)
    return { asked, answer }
  }

  it.each([
    ['"a-b"', 'a-b'],
    ['a-b', 'a-b'],
    ['"a-b', '"a-b'],
    ['a"b"', 'a"b"'],
    ['"a"b', '"a"b'],
    ['""', ''],
  ])('takes the content of a structured string, and other texts as they are: %s', async (text, content) => {
    const { asked, answer } = await renewWith({
      'sec-secure-session-id': text,
      'secure-session-response': text,
      cookie: '__Host-perennial=refresh-token',
    })
    expect(asked).toEqual([[content, { refreshToken: 'refresh-token', proof: content }]])
    expect(JSON.parse(answer.body ?? '')).toEqual({ session_identifier: content, continue: false })
  })

  it('finds neither an identifier, a token nor a proof where there is none', async () => {
    const { asked } = await renewWith({})
    expect(asked).toEqual([['', { refreshToken: undefined, proof: undefined }]])
  })
})
