import { createServer } from 'node:http'
import { expect, it } from 'vitest'
import { close, listen } from '../test/browser/listen.js'
import { dpop } from './dpop.js'
import { createSession } from './index.js'

const serviceUrl = 'https://auth.example.com'

it('is signed out and does nothing on a server', async () => {
  const memberstack = {
    getMemberCookie: (): string => {
      throw new Error('asked')
    },
  }
  for (const storage of ['localStorage', 'memory', 'cookie'] as const) {
    const session = createSession({ serviceUrl, storage, memberstack, proof: dpop() })
    expect(session.state).toEqual({
      status: 'signed-out',
      stale: false,
      userId: null,
      user: null,
      expiresAtMs: null,
      error: null,
    })
    expect(Object.isFrozen(session.state)).toBe(true)
    expect(await session.getAccessToken({ forceRefresh: true })).toBeNull()
    expect(await session.signIn('jwt')).toBe(session.state)
    await session.signOut()
    expect(await session.listSessions()).toEqual([])
    await session.signOutEverywhere()
    session.onChange(() => undefined)()
    session.close()
  }
})

it('fetches without a token on a server', async () => {
  const server = createServer((request, response) => response.end(JSON.stringify(request.headers)))
  const url = await listen(server)
  const { fetch } = createSession({ serviceUrl: url })
  expect(await (await fetch(url)).json()).not.toHaveProperty('authorization')
  await close(server)
})

it('throws a TypeError if an address is not an absolute URL', () => {
  expect(() => createSession({ serviceUrl: 'auth' })).toThrow(TypeError)
  expect(() => createSession({ serviceUrl: 'localhost:8787' })).toThrow(TypeError)
  expect(() => createSession({ serviceUrl, apiOrigins: ['api.example.com'] })).toThrow(TypeError)
})
