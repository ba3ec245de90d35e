import { generateKeyPairSync } from 'node:crypto'
import type { ServerResponse } from 'node:http'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { createRecorder, type Recorder } from '../../test/kit/recorder.js'
import { startServer, type RunningServer } from '../../test/kit/servers.js'
import { createHttpClient, type ClosableHttpClient } from '../base/create-http-client.js'
import type { KeySet } from './key-set.js'
import { createRemoteKeySet } from './remote-key-set.js'

const newKey = (kid?: string) => ({
  ...generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' }),
  ...(kid === undefined ? {} : { kid }),
})
const a = newKey('a')
const b = newKey('b')
const jwks = (...keys: object[]) => JSON.stringify({ keys })

let now: number
let fetched: string[]
let answer: (response: ServerResponse) => void
let server: RunningServer
let httpClient: ClosableHttpClient
let observed: Recorder['observed']
let events: Recorder['events']
let observations: Recorder['observations']
let keySet: KeySet

beforeEach(async () => {
  now = 1_000_000
  fetched = []
  const telemetry = createRecorder()
  ;({ observed, events, observations } = telemetry)
  answer = (response) => void response.end(jwks(a))
  server = await startServer((request, response) => {
    fetched.push(request.url ?? '')
    answer(response)
  })
  httpClient = createHttpClient()
  keySet = createRemoteKeySet({
    url: `${server.origin}/jwks.json`,
    algorithms: ['RS256'],
    httpClient,
    clock: () => now,
    telemetry,
  })
})

afterEach(async () => {
  await httpClient.close()
  await server.close()
})

const find = async (kid: string | undefined) =>
  (await keySet.find({ kid, algorithm: 'RS256' }, now)).map((key) => key.kid)
/** Resolves when a reading, one of those in the background too, has come to its end. */
const observation = async (count: number) => {
  while (observed.length < count) await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
}

describe('createRemoteKeySet', () => {
  it('reads the set once for concurrent callers', async () => {
    expect(await Promise.all(Array.from({ length: 50 }, () => find('a')))).toEqual(
      Array.from({ length: 50 }, () => ['a']),
    )
    expect(fetched).toEqual(['/jwks.json'])
    expect(observed).toEqual([{ target: 'jwks', outcome: 'ok', durationSeconds: 0 }])
  })

  it('answers at once, without a promise, from the set it has', async () => {
    await keySet.ready()
    expect(keySet.find({ kid: 'a', algorithm: 'RS256' }, now)).toHaveLength(1)
  })

  it('finds no key of another algorithm', async () => {
    expect(await keySet.find({ kid: 'a', algorithm: 'ES256' }, now)).toEqual([])
  })

  it('reads the set again for a kid it does not know', async () => {
    await keySet.ready()
    answer = (response) => void response.end(jwks(a, b))
    expect(await find('b')).toEqual(['b'])
    expect(fetched).toHaveLength(2)
  })

  it('reads it at most five times for 300 unknown kids, however they come', async () => {
    for (let n = 0; n < 150; n += 1) {
      expect(await find(`unknown ${n}`)).toEqual([])
      now += 0.4
    }
    await Promise.all(Array.from({ length: 150 }, (_, n) => find(`also unknown ${n}`)))
    expect(fetched.length).toBeLessThanOrEqual(5)
  })

  it.each([
    '../../etc/passwd',
    '__proto__',
    'constructor',
    '',
    'http://127.0.0.1:1/evil',
    '\u0000',
    'toString',
  ])('finds nothing under the kid %j and asks nowhere else', async (kid) => {
    expect(await find(kid)).toEqual([])
    expect(fetched.every((path) => path === '/jwks.json')).toBe(true)
  })

  it('reads the set again in the background after ten minutes, and drops a key that is gone', async () => {
    const [key] = await keySet.find({ kid: 'a', algorithm: 'RS256' }, now)
    if (!key) throw new Error('no key')
    answer = (response) => void response.end(jwks(b))
    now += 599
    expect(keySet.holds(key, now)).toBe(true)
    expect(fetched).toHaveLength(1)
    now += 1
    expect(keySet.holds(key, now)).toBe(true)
    await observation(2)
    expect(keySet.holds(key, now)).toBe(false)
    expect(await find('b')).toEqual(['b'])
  })

  it('returns the same key object after readings that leave the key unchanged', async () => {
    const [key] = await keySet.find({ kid: 'a', algorithm: 'RS256' }, now)
    if (!key) throw new Error('no key')
    answer = (response) => void response.end(jwks(b, a))
    now += 600
    keySet.holds(key, now)
    await observation(2)
    expect(keySet.holds(key, now)).toBe(true)
  })

  it('treats a key whose material changed under its old kid as another key', async () => {
    const [key] = await keySet.find({ kid: 'a', algorithm: 'RS256' }, now)
    if (!key) throw new Error('no key')
    answer = (response) => void response.end(jwks({ ...b, kid: 'a' }))
    now += 600
    keySet.holds(key, now)
    await observation(2)
    expect(keySet.holds(key, now)).toBe(false)
    expect(await find('a')).toEqual(['a'])
  })

  const troubles: [string, (response: ServerResponse) => void, string, string][] = [
    [
      'status 500',
      (response) => void response.writeHead(500).end('{"keys":[]}'),
      'status_500',
      'status 500, no key set',
    ],
    [
      'status 404',
      (response) => void response.writeHead(404).end(jwks(b)),
      'status_404',
      'status 404, no key set',
    ],
    [
      'a redirect',
      (response) => void response.writeHead(302, { location: '/elsewhere' }).end(),
      'status_302',
      'status 302, an empty answer',
    ],
    ['HTML', (response) => void response.end('<html>'), 'no_key_set', 'status 200, HTML instead of JSON'],
    ['half a JSON', (response) => void response.end('{"keys":['), 'no_key_set', 'status 200, no key set'],
    ['another JSON', (response) => void response.end('[]'), 'no_key_set', 'status 200, no key set'],
    ['nothing', (response) => void response.end(), 'no_key_set', 'status 200, an empty answer'],
    ['a reset', (response) => void response.destroy(), 'reset', 'the connection broke off (UND_ERR_SOCKET)'],
    [
      'half a megabyte',
      (response) => void response.end(jwks(a).padEnd(500_000)),
      'too_large',
      'the answer is too large',
    ],
  ]
  it.each(troubles)(
    'serves the last good set while the source answers %s',
    async (_name, trouble, reason, cause) => {
      await keySet.ready()
      answer = trouble
      now += 7200
      expect(await find('a')).toEqual(['a'])
      expect(events).toMatchObject([
        { event: 'upstream_failure', target: 'jwks', reason, error: 'The key set could not be read.' },
      ])
      expect(observed.at(-1)).toEqual({ target: 'jwks', outcome: 'failed', durationSeconds: 0 })
      const host = new URL(server.origin).host
      expect(observations).toEqual([{ kind: 'upstream_trouble', target: 'jwks', host, reason, cause }])
      expect(fetched.every((path) => path === '/jwks.json')).toBe(true)
    },
  )

  it.each(troubles)('is unavailable, not a refusal, while all it ever got was %s', async (_name, trouble) => {
    answer = trouble
    await expect(find('a')).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE', status: 503, retryable: true })
    await expect(keySet.ready()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    answer = (response) => void response.end(jwks(a))
    now += 1
    expect(await find('a')).toEqual(['a'])
  })

  it('answers an unknown kid with unavailable while the source is down', async () => {
    await keySet.ready()
    answer = (response) => void response.destroy()
    await expect(find('b')).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    await expect(find('b')).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    expect(fetched).toHaveLength(2)
    expect(await find('a')).toEqual(['a'])
  })

  it('trusts no key once the issuer has withdrawn all of them', async () => {
    const [key] = await keySet.find({ kid: 'a', algorithm: 'RS256' }, now)
    if (!key) throw new Error('no key')
    answer = (response) => void response.end('{"keys":[]}')
    now += 600
    keySet.holds(key, now)
    await observation(2)
    expect(keySet.holds(key, now)).toBe(false)
  })

  it('accepts a token without kid only if exactly one key fits', async () => {
    expect(await find(undefined)).toEqual(['a'])
    answer = (response) => void response.end(jwks(a, b))
    now += 3600
    expect(await find(undefined)).toEqual([])
    expect(fetched).toHaveLength(2)
  })

  it('does not use a key without kid for a token that names one', async () => {
    answer = (response) => void response.end(jwks(newKey()))
    expect(await find('a')).toEqual([])
    expect(await find(undefined)).toEqual([undefined])
  })

  it('finds both of two keys that share a kid', async () => {
    answer = (response) => void response.end(jwks(a, { ...b, kid: 'a' }))
    expect(await find('a')).toEqual(['a', 'a'])
  })

  it.each(['', 'jwks.json', 'file:///etc/passwd', 'ftp://127.0.0.1/'])('refuses the address %j', (url) => {
    const telemetry = { emit: () => {}, observeUpstream: () => {} }
    const options = { url, algorithms: ['RS256'] as const, httpClient, clock: () => now, telemetry }
    expect(() => createRemoteKeySet(options)).toThrow(
      new TypeError('the address of the key set must start with http:// or https://'),
    )
  })

  it('reports an error of the client that is not of the network by its kind alone', async () => {
    const telemetry = createRecorder()
    const failing = createRemoteKeySet({
      url: 'https://api.example/jwks.json',
      algorithms: ['RS256'],
      httpClient: () => Promise.reject(new Error('canary')),
      clock: () => (now += 2),
      telemetry,
    })
    await expect(failing.ready()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    expect(telemetry.events).toMatchObject([{ reason: 'unexpected' }])
    expect(telemetry.observations).toMatchObject([{ reason: 'unexpected', cause: 'unexpected error' }])
    expect(JSON.stringify(telemetry)).not.toContain('canary')
  })
})
