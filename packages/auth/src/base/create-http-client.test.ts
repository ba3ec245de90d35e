import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { HttpFailure, type HttpRequest } from './http-client.js'
import { createHttpClient, type ClosableHttpClient } from './create-http-client.js'

describe('createHttpClient', () => {
  let client: ClosableHttpClient
  let servers: (Server | NetServer)[]

  beforeEach(() => {
    client = createHttpClient()
    servers = []
  })
  afterEach(async () => {
    await client.close()
    for (const server of servers) {
      if ('closeAllConnections' in server) server.closeAllConnections()
      server.close()
    }
  })

  const listen = async (server: Server | NetServer): Promise<string> => {
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('not a TCP server')
    return `http://127.0.0.1:${String(address.port)}`
  }
  const serve = (listener: RequestListener) => listen(createHttpServer(listener))
  const serveRaw = (listener: (socket: Socket) => void) =>
    listen(
      createNetServer((socket) => {
        socket.on('error', () => {})
        listener(socket)
      }),
    )
  const failureOf = async (request: HttpRequest): Promise<HttpFailure> => {
    const failure: unknown = await client(request).catch((error: unknown) => error)
    if (!(failure instanceof HttpFailure)) throw new Error('expected an HttpFailure', { cause: failure })
    return failure
  }
  const get = (url: string, timeoutSeconds = 5): HttpRequest => ({ method: 'GET', url, timeoutSeconds })

  it('sends method, path, query, headers and body, and returns the whole answer', async () => {
    const origin = await serve((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        response.writeHead(207, {
          'X-Echo': String(request.headers['x-api-key']),
          'Set-Cookie': ['a=1', 'b=2'],
        })
        response.end(`${String(request.method)} ${String(request.url)} ${Buffer.concat(chunks).toString()}`)
      })
    })

    const answer = await client({
      method: 'POST',
      url: `${origin}/members?after=1`,
      headers: { 'x-api-key': 'k' },
      body: 'grüße',
      timeoutSeconds: 5,
    })

    expect(answer.status).toBe(207)
    expect(answer.body).toBe('POST /members?after=1 grüße')
    expect(answer.headers).toMatchObject({ 'x-echo': 'k', 'set-cookie': 'a=1, b=2' })
  })

  it('sends the user and password of the URL by RFC 7617, and joins an answer that arrives in many chunks', async () => {
    const origin = await serve((request, response) => {
      response.write(`${request.headers.authorization} `)
      setImmediate(() => response.end('end'))
    })

    const answer = await client(get(origin.replace('http://', 'http://us%40er:pass@')))

    expect(answer.body).toBe(`Basic ${btoa('us@er:pass')} end`)
  })

  it('returns a redirect instead of following it', async () => {
    let calls = 0
    const origin = await serve((_request, response) => {
      calls += 1
      response.writeHead(302, { location: '/elsewhere' }).end()
    })

    const answer = await client(get(origin))

    expect([answer.status, answer.headers['location'], calls]).toEqual([302, '/elsewhere', 1])
  })

  it('reuses a connection for the next call', async () => {
    const ports = new Set<number | undefined>()
    const origin = await serve((request, response) => {
      ports.add(request.socket.remotePort)
      response.end('ok')
    })

    for (let call = 0; call < 10; call += 1) await client(get(origin))

    // Two, because a connection is free again only a turn after its answer.
    expect(ports.size).toBeLessThanOrEqual(2)
  })

  it('reports that nothing was sent if the connection is refused', async () => {
    const origin = await serve(() => {})
    const closed = servers.pop()
    closed?.close()

    expect(await failureOf(get(origin))).toMatchObject({ kind: 'connect', sent: false })
  })

  it('reports that nothing was sent if the name does not exist', async () => {
    expect(await failureOf(get('http://name.invalid/'))).toMatchObject({ kind: 'connect', sent: false })
  })

  it('reports that nothing was sent if the server does not speak TLS', async () => {
    const origin = await serveRaw((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))

    const failure = await failureOf(get(origin.replace('http:', 'https:')))

    expect(failure).toMatchObject({ kind: 'connect', sent: false })
  })

  it('reports that nothing was sent if no connection was free in time, and does not send the call later', async () => {
    await client.close()
    client = createHttpClient({ connectionsPerOrigin: 1 })
    const seen: string[] = []
    let answerFirst = () => {}
    let heard = () => {}
    const firstHeard = new Promise<void>((resolve) => (heard = resolve))
    const origin = await serve((request, response) => {
      seen.push(String(request.url))
      answerFirst = () => response.end('ok')
      if (seen.length === 1) heard()
      else response.end('ok')
    })

    const first = client(get(`${origin}/first`))
    await firstHeard
    expect(await failureOf(get(`${origin}/second`, 0.02))).toMatchObject({ kind: 'timeout', sent: false })
    answerFirst()
    await first
    await client(get(`${origin}/third`))

    expect(seen).toEqual(['/first', '/third'])
  })

  it('reports that the call was sent if the answer does not arrive in time', async () => {
    const origin = await serve(() => {})

    expect(await failureOf(get(origin, 0.1))).toMatchObject({ kind: 'timeout', sent: true })
  })

  it('counts the body into the time limit', async () => {
    const origin = await serve((_request, response) => response.writeHead(200).write('half'))

    expect(await failureOf(get(origin, 0.1))).toMatchObject({ kind: 'timeout', sent: true })
  })

  it('reports that the call was sent if the connection is reset before or within the answer', async () => {
    const before = await serveRaw((socket) => socket.once('data', () => socket.resetAndDestroy()))
    const within = await serveRaw((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf')),
    )

    expect(await failureOf(get(before))).toMatchObject({ kind: 'reset', sent: true })
    expect(await failureOf(get(within))).toMatchObject({ kind: 'reset', sent: true })
  })

  it('rejects a body above the limit, and accepts one of exactly that size', async () => {
    const origin = await serve((_request, response) => response.end('x'.repeat(100)))

    expect((await client({ ...get(origin), maxBodyBytes: 100 })).body).toHaveLength(100)
    const failure = await failureOf({ ...get(origin), maxBodyBytes: 99 })
    expect(failure).toMatchObject({ kind: 'too-large', sent: true })
  })

  it('reports that nothing was sent if a connection does not open in time', async () => {
    await client.close()
    client = createHttpClient({ connectTimeoutSeconds: 0.05 })
    const silent = await serveRaw(() => {})

    const failure = await failureOf(get(silent.replace('http:', 'https:')))

    expect(failure).toMatchObject({ kind: 'timeout', sent: false })
  })

  it('sends accept-encoding with the codings that it supports, and decodes the answer', async () => {
    const encoders = new Map([
      ['gzip', gzipSync],
      ['br', brotliCompressSync],
      ['deflate', deflateSync],
    ])
    const origin = await serve((request, response) => {
      const coding = String(request.url).slice(1)
      response.setHeader('content-encoding', coding)
      response.end(encoders.get(coding)?.(`grüße ${String(request.headers['accept-encoding'])}`))
    })

    for (const coding of encoders.keys())
      expect((await client(get(`${origin}/${coding}`))).body).toBe('grüße gzip, br, deflate')
  })

  it('applies the limit to the decoded body', async () => {
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024))
    const origin = await serve((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb)
    })

    expect(bomb.length).toBeLessThan(1024 * 1024)
    expect(await failureOf(get(origin))).toMatchObject({ kind: 'too-large', sent: true })
  })

  it('rejects an answer that cannot be decoded as an incomplete one', async () => {
    const origin = await serve((request, response) => {
      response.writeHead(200, { 'content-encoding': String(request.url).slice(1) }).end('canary')
    })

    for (const coding of ['gzip', 'zstd'])
      expect(await failureOf(get(`${origin}/${coding}`))).toMatchObject({
        kind: 'reset',
        sent: true,
        cause: new Error('undecodable body'),
      })
  })

  it('reads the final answer after informational ones', async () => {
    const origin = await serve((_request, response) => {
      response.writeProcessing()
      response.writeHead(201, { 'x-final': 'yes' }).end('ok')
    })

    expect(await client(get(origin))).toMatchObject({
      status: 201,
      headers: { 'x-final': 'yes' },
      body: 'ok',
    })
  })

  it('sends a call once, although the server closes the connection that was kept for it', async () => {
    const seen: string[] = []
    const origin = await serveRaw((socket) =>
      socket.on('data', (data) => {
        seen.push(String(data).split(' ', 2).join(' '))
        if (seen.length === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
        else socket.resetAndDestroy()
      }),
    )

    await client(get(`${origin}/first`))
    const failure = await failureOf({ ...get(`${origin}/second`), method: 'POST', body: 'x' })

    expect(failure).toMatchObject({ kind: 'reset', sent: true })
    expect(seen).toEqual(['GET /first', 'POST /second'])
  })

  it('does not wait, when closed, for connections whose calls have timed out', async () => {
    const silent = await serveRaw(() => {})
    await failureOf(get(silent.replace('http:', 'https:'), 0.05))

    await client.close()
  })

  it('rejects URLs that are not http(s), or whose user cannot be decoded, without naming them', async () => {
    for (const url of ['canary', 'ftp://canary.example/', 'http://%ZZcanary@127.0.0.1/']) {
      const failed: unknown = await client(get(url)).catch((error: unknown) => error)
      expect(failed).toBeInstanceOf(TypeError)
      expect(String(failed)).not.toContain('canary')
    }
  })

  it('throws errors that contain no header and no body of either side', async () => {
    const canary = 'canary-7f3a'
    const garbage = await serveRaw((socket) =>
      socket.once('data', () => socket.end(`${canary}\r\n\r\n${canary}`)),
    )

    const failure = await failureOf({
      method: 'POST',
      url: `${garbage}/?token=${canary}`,
      headers: { 'x-api-key': canary },
      body: canary,
      timeoutSeconds: 5,
    })

    expect(failure).toMatchObject({ kind: 'reset', sent: true })
    const cause = failure.cause instanceof Error ? failure.cause : new Error('none')
    expect(JSON.stringify([failure, Object.entries(cause)])).not.toContain(canary)
    expect(`${String(failure.stack)} ${String(cause.stack)}`).not.toContain(canary)
  })

  it('rejects a header that cannot be sent with an error of the caller that does not contain its value', async () => {
    const origin = await serve((_request, response) => response.end())

    const failed: unknown = await client({ ...get(origin), headers: { 'x-api-key': 'canary\n' } }).catch(
      (error: unknown) => error,
    )

    expect(failed).toBeInstanceOf(TypeError)
    expect(String(failed)).not.toContain('canary')
  })

  it('keeps connections to a bounded number of origins', async () => {
    await client.close()
    client = createHttpClient({ maxOrigins: 1 })
    const closings: Promise<unknown>[] = []
    const listener: RequestListener = (request, response) => {
      closings.push(once(request.socket, 'close'))
      response.end('ok')
    }
    const [first, second] = [await serve(listener), await serve(listener)]

    await client(get(first))
    await client(get(second))
    await closings[0]

    expect((await client(get(first))).body).toBe('ok')
  })

  it('waits for calls under way when it is closed, and refuses later ones as never sent', async () => {
    let heard = () => {}
    const wasHeard = new Promise<void>((resolve) => (heard = resolve))
    let answer = () => {}
    const origin = await serve((_request, response) => {
      answer = () => response.end('late')
      heard()
    })

    const underWay = client(get(origin))
    await wasHeard
    const closing = client.close()
    expect(await failureOf(get(origin))).toMatchObject({ kind: 'connect', sent: false })
    answer()

    expect((await underWay).body).toBe('late')
    await closing
  })
})
