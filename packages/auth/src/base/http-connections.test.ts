import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect, type Server as NetServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { hasOpenssl, makeCertificates } from '../../test/kit/tls-certificates.js'
import { createHttpClient, type ClosableHttpClient, type HttpClientOptions } from './create-http-client.js'
import { HttpFailure, type HttpRequest } from './http-client.js'

const servers: { close(): unknown; closeAllConnections?(): void }[] = []
const sockets = new Set<Socket>()
const clients: ClosableHttpClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  for (const socket of sockets) socket.destroy()
  for (const server of servers.splice(0)) {
    server.closeAllConnections?.()
    server.close()
  }
})

async function portOf(server: NetServer): Promise<number> {
  servers.push(server)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP server')
  return address.port
}

function createClient(
  proxy: HttpClientOptions['proxy'],
  options: HttpClientOptions = {},
): ClosableHttpClient {
  const client = createHttpClient({ ...options, proxy })
  clients.push(client)
  return client
}

const get = (url: string, timeoutSeconds = 5): HttpRequest => ({ method: 'GET', url, timeoutSeconds })

async function failureOf(client: ClosableHttpClient, request: HttpRequest): Promise<HttpFailure> {
  const failure: unknown = await client(request).catch((error: unknown) => error)
  if (!(failure instanceof HttpFailure)) throw new Error('expected an HttpFailure', { cause: failure })
  return failure
}

/** A proxy that leads every name to one port of this machine, by `CONNECT` and by forwarding (RFC 9112 §3.2.2). */
async function startProxy(targetPort: number, answerConnect?: (socket: Socket) => void) {
  const seen: { line: string; authorization: string | undefined }[] = []
  const note = ({ method, url, headers }: IncomingMessage) =>
    seen.push({ line: `${String(method)} ${String(url)}`, authorization: headers['proxy-authorization'] })
  const server = createServer((request, response) => {
    note(request)
    response.end(`forwarded ${String(request.headers.host)}`)
  })
  server.on('connect', (request, socket: Socket) => {
    note(request)
    if (answerConnect) {
      answerConnect(socket)
      return
    }
    const onward = connect(targetPort, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      socket.pipe(onward).pipe(socket)
    })
    sockets.add(onward)
    onward.on('error', () => socket.destroy())
  })
  const port = await portOf(server)
  return { url: `http://127.0.0.1:${port}`, withUser: `http://us%40er:pa%3Ass@127.0.0.1:${port}`, seen }
}

describe.runIf(hasOpenssl())('createHttpClient, through a proxy by CONNECT', () => {
  const folder = mkdtempSync(join(tmpdir(), 'perennial-proxy-'))
  const certificates = makeCertificates(folder, ['DNS:target.test'])
  const usual = getCACertificates('default')
  beforeAll(() => setDefaultCACertificates([...usual, certificates.ca]))
  afterAll(() => {
    setDefaultCACertificates(usual)
    rmSync(folder, { recursive: true, force: true })
  })
  const startTarget = (listener: RequestListener) =>
    portOf(
      createHttpsServer(
        { key: readFileSync(certificates.keyFile), cert: readFileSync(certificates.certFile) },
        listener,
      ),
    )

  it('opens a tunnel with the credentials of its URL, verifies the target in it and keeps it', async () => {
    const target = await startTarget((request, response) => {
      const { authorization, 'proxy-authorization': proxied } = request.headers
      response.end(`${String(request.url)} ${String(authorization)} ${String(proxied)}`)
    })
    const proxy = await startProxy(target)
    const client = createClient({ httpsProxy: proxy.withUser })

    for (const path of ['/a?b=1', '/c', '/d', '/e', '/f']) {
      const answer = await client({
        ...get(`https://target.test${path}`),
        headers: { authorization: 'mine' },
      })
      expect(answer.body).toBe(`${path} mine undefined`)
    }
    // Two tunnels at most, because a connection is free again only a turn after its answer.
    expect(proxy.seen.length).toBeLessThanOrEqual(2)
    for (const connecting of proxy.seen)
      expect(connecting).toEqual({
        line: 'CONNECT target.test:443',
        authorization: `Basic ${btoa('us@er:pa:ss')}`,
      })
  })

  it('sends nothing to a target whose certificate is for another name', async () => {
    let calls = 0
    const target = await startTarget((_request, response) => {
      calls += 1
      response.end()
    })
    const proxy = await startProxy(target)

    const failure = await failureOf(createClient({ httpsProxy: proxy.url }), get('https://other.test/'))

    expect(failure).toMatchObject({ kind: 'connect', sent: false })
    expect(calls).toBe(0)
  })

  it('says that the call was sent when the tunnel is cut after the request', async () => {
    const target = await startTarget((request) => request.socket.destroy())
    const proxy = await startProxy(target)

    const failure = await failureOf(createClient({ httpsProxy: proxy.url }), get('https://target.test/'))

    expect(failure).toMatchObject({ kind: 'reset', sent: true })
  })

  it('says that the call was sent when the answer does not come in time', async () => {
    const proxy = await startProxy(await startTarget(() => {}))

    const failure = await failureOf(createClient({ httpsProxy: proxy.url }), get('https://target.test/', 0.5))

    expect(failure).toMatchObject({ kind: 'timeout', sent: true })
  })
})

describe('createHttpClient, with a proxy that opens no tunnel', () => {
  const target = get('https://target.test/?token=canary')

  it.each(['407 Proxy Authentication Required', '502 Bad Gateway'])(
    'says that nothing was sent when it refuses by %s, and names no credentials',
    async (status) => {
      const proxy = await startProxy(0, (socket) => socket.end(`HTTP/1.1 ${status}\r\n\r\ncanary`))

      const failure = await failureOf(createClient({ httpsProxy: proxy.withUser }), target)

      expect(failure).toMatchObject({
        kind: 'connect',
        sent: false,
        cause: new Error('refused by the proxy'),
      })
      expect(`${String(failure.stack)} ${JSON.stringify(failure)}`).not.toMatch(/canary|pa%3Ass|pa:ss/)
    },
  )

  it('says that nothing was sent when it is away or cuts the connection', async () => {
    const gone = await startProxy(0)
    servers.splice(-1)[0]?.close()
    const cutting = await startProxy(0, (socket) => socket.destroy())

    for (const proxy of [gone, cutting])
      expect(await failureOf(createClient({ httpsProxy: proxy.url }), target)).toMatchObject({
        kind: 'connect',
        sent: false,
      })
  })

  it('says that nothing was sent when it does not answer within the time for a connection', async () => {
    const proxy = await startProxy(0, () => {})
    const client = createClient({ httpsProxy: proxy.url }, { connectTimeoutSeconds: 0.05 })

    expect(await failureOf(client, target)).toMatchObject({ kind: 'timeout', sent: false })
  })
})

describe('createHttpClient, where proxies are set', () => {
  /** Reached under a name of this machine that does not count as loopback. */
  const startElsewhere = async () => {
    const port = await portOf(createServer((_request, response) => response.end('direct')))
    return { port, url: `http://0.0.0.0:${port}/` }
  }

  it('forwards calls of http addresses, with the whole address and the credentials', async () => {
    const proxy = await startProxy(0)

    const answer = await createClient({ httpProxy: proxy.withUser })(get('http://target.test:8080/a?b=1'))

    expect(answer.body).toBe('forwarded target.test:8080')
    expect(proxy.seen).toEqual([
      { line: 'GET http://target.test:8080/a?b=1', authorization: `Basic ${btoa('us@er:pa:ss')}` },
    ])
  })

  it('reports a proxy that wants other credentials for a forwarded call', async () => {
    const port = await portOf(createServer((_request, response) => response.writeHead(407).end('canary')))

    const failure = await failureOf(
      createClient({ httpProxy: `http://127.0.0.1:${port}` }),
      get('http://target.test/'),
    )

    expect(failure).toMatchObject({ kind: 'reset', sent: true, cause: new Error('refused by the proxy') })
  })

  it('calls loopback addresses directly', async () => {
    const proxy = await startProxy(0)
    const { port } = await startElsewhere()
    const client = createClient({ httpProxy: proxy.url, httpsProxy: proxy.url })

    for (const host of ['127.0.0.1', 'localhost'])
      expect((await client(get(`http://${host}:${port}/`))).body).toBe('direct')
    expect(proxy.seen).toEqual([])
  })

  it('calls directly what noProxy names, and nothing else', async () => {
    const proxy = await startProxy(0)
    const { url, port } = await startElsewhere()
    const bodyWith = async (noProxy: string) =>
      (await createClient({ httpProxy: proxy.url, noProxy })(get(url))).body

    for (const noProxy of ['0.0.0.0', 'target.test, 0.0.0.0', `0.0.0.0:${port}`, '*'])
      expect(await bodyWith(noProxy)).toBe('direct')
    for (const noProxy of ['', 'target.test', '0.0.0.0:1'])
      expect(await bodyWith(noProxy)).toMatch(/^forwarded/)
  })

  it('takes nothing from the environment', async () => {
    const proxy = await startProxy(0)
    const { url } = await startElsewhere()
    const names = ['HTTP_PROXY', 'http_proxy', 'NO_PROXY', 'no_proxy'] as const
    const before = names.map((name) => process.env[name])
    try {
      for (const name of ['HTTP_PROXY', 'http_proxy']) process.env[name] = proxy.url
      expect((await createClient(undefined)(get(url))).body).toBe('direct')
      expect(
        await createClient({ httpsProxy: proxy.url })(get('http://127.0.0.1:9/', 1)).catch(String),
      ).toMatch(/connect/)
      expect(proxy.seen).toEqual([])
      for (const name of ['NO_PROXY', 'no_proxy']) process.env[name] = '*'
      expect((await createClient({ httpProxy: proxy.url })(get(url))).body).toMatch(/^forwarded/)
    } finally {
      for (const [index, name] of names.entries()) {
        const value = before[index]
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
    }
  })

  it.each([
    'canary',
    'canary.example:3128',
    'socks5://canary:1080',
    'http://',
    'http://canary/path',
    'http://canary/?query',
    'http://canary#hash',
    'http://%ZZcanary@proxy',
  ])('rejects the proxy %j at once, without repeating it', (url) => {
    for (const proxy of [{ httpProxy: url }, { httpsProxy: url }]) {
      const name = Object.keys(proxy).join()
      expect(() => createHttpClient({ proxy })).toThrow(
        new TypeError(
          `proxy.${name} is not the http(s) URL of a proxy, such as http://proxy.example.com:3128`,
        ),
      )
    }
  })

  it('takes an empty address as none', async () => {
    const { url } = await startElsewhere()
    expect((await createClient({ httpProxy: '', httpsProxy: '' })(get(url))).body).toBe('direct')
  })
})
