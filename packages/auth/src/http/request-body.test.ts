import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { type AuthRequest, type BodyReading, maxBodyBytes, readJsonObject } from './auth-request.js'
import { readStreamBody } from '../adapters/node-request.js'

const requestWith = (reading: BodyReading, contentType?: string): AuthRequest => ({
  method: 'POST',
  path: '/',
  ip: '192.0.2.1',
  requestId: 'r',
  header: (name) => (name === 'content-type' ? contentType : undefined),
  readBody: async () => reading,
})
const bytes = (text: string): BodyReading => ({ kind: 'bytes', bytes: Buffer.from(text) })

describe('readJsonObject', () => {
  it('reads bytes as JSON whatever they are called', async () => {
    for (const type of ['application/json', 'text/plain', undefined])
      expect(await readJsonObject(requestWith(bytes('{"a":1}'), type))).toEqual({ a: 1 })
    for (const text of ['', 'a=1', '[]', 'null'])
      expect(await readJsonObject(requestWith(bytes(text)))).toBeNull()
  })

  it('takes what a parser made of JSON, and of nothing else', async () => {
    const read = (value: unknown, type?: string) =>
      readJsonObject(requestWith({ kind: 'parsed', value }, type))
    for (const type of ['application/json', 'Application/JSON; charset=utf-8', 'application/problem+json'])
      expect(await read({ a: 1 }, type), type).toEqual({ a: 1 })
    for (const type of [
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'text/jsonish',
      '',
      undefined,
    ])
      expect(await read({ a: 1 }, type), type).toBeNull()
    for (const value of [null, 'text', [], 1, undefined])
      expect(await read(value, 'application/json')).toBeNull()
  })

  it('is AUTH_REQUEST_TOO_LARGE above the limit', async () => {
    await expect(readJsonObject(requestWith({ kind: 'too_large' }))).rejects.toMatchObject({
      code: 'AUTH_REQUEST_TOO_LARGE',
      status: 413,
    })
  })
})

describe('readStreamBody', () => {
  it('reads up to the limit, over chunks of any size', async () => {
    const whole = Buffer.alloc(maxBodyBytes, 'x')
    const chunks = [whole.subarray(0, 1), whole.subarray(1, 9000), whole.subarray(9000)]
    expect(await readStreamBody(Readable.from(chunks))).toEqual({ kind: 'bytes', bytes: whole })
    expect(await readStreamBody(Readable.from([...chunks, Buffer.from('x')]))).toEqual({ kind: 'too_large' })
    expect(await readStreamBody(Readable.from([]))).toEqual(bytes(''))
  })

  it('answers as soon as there is too much, and lets the rest pass', async () => {
    const slow = new Readable({ read() {} })
    const reading = readStreamBody(slow)
    slow.push(Buffer.alloc(maxBodyBytes + 1))
    expect(await reading).toEqual({ kind: 'too_large' })
    const ended = new Promise((resolve) => slow.once('end', resolve))
    slow.push(Buffer.alloc(100_000))
    slow.push(null)
    await ended
  })

  it('takes a body that breaks off, or was read before, for none', async () => {
    const broken = new Readable({ read() {} })
    const reading = readStreamBody(broken)
    broken.push('{"refreshToken":"a"}')
    broken.destroy(new Error('reset'))
    expect(await reading).toEqual(bytes(''))
    expect(await readStreamBody(broken)).toEqual(bytes(''))
    const read = Readable.from([Buffer.from('x')])
    read.resume()
    await new Promise((resolve) => read.once('end', resolve))
    expect(await readStreamBody(read)).toEqual(bytes(''))
  })
})
