import { expect, it } from 'vitest'
import { listen } from '../../test/kit/servers.js'
import { describeCause } from './causes.js'
import { createFetchHttpClient } from './fetch-http-client.js'

const client = createFetchHttpClient()

it('sends a request and returns the whole answer', async () => {
  const { origin } = await listen((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => response.writeHead(201, { 'X-One': '1' }).end(`${request.method} ${body}`))
  })
  const answer = await client({ method: 'POST', url: origin, body: '{}', timeoutSeconds: 5 })
  expect(answer).toMatchObject({ status: 201, body: 'POST {}' })
  expect(answer.headers['x-one']).toBe('1')
})

it('follows no redirect', async () => {
  const { origin } = await listen((_request, response) => response.writeHead(302, { location: '/b' }).end())
  expect((await client({ method: 'GET', url: origin, timeoutSeconds: 5 })).status).toBe(302)
})

it('refuses a body that is too large, and an answer that does not come in time', async () => {
  const { origin } = await listen((request, response) => {
    if (request.url === '/large') response.end('x'.repeat(1000))
  })
  const large = client({ method: 'GET', url: `${origin}/large`, timeoutSeconds: 5, maxBodyBytes: 999 })
  await expect(large).rejects.toMatchObject({ kind: 'too-large', sent: true })
  const silent = client({ method: 'GET', url: `${origin}/silent`, timeoutSeconds: 0.05 })
  await expect(silent).rejects.toMatchObject({ kind: 'timeout', sent: true })
})

it('sends the user and the password of an address as a header', async () => {
  const { origin } = await listen((request, response) => response.end(request.headers.authorization))
  const url = origin.replace('//', '//ada:p%40ss@')
  const { body } = await client({ method: 'GET', url, timeoutSeconds: 5 })
  expect(body).toBe(`Basic ${Buffer.from('ada:p@ss').toString('base64')}`)
})

it.each(['no address', 'ftp://127.0.0.1/', 'http://%ff@127.0.0.1/'])(
  'refuses what is no address of a server: %s',
  async (url) => {
    await expect(client({ method: 'GET', url, timeoutSeconds: 5 })).rejects.toThrow(
      new TypeError('the HTTP request is malformed'),
    )
  },
)

it('says why there is no connection', async () => {
  const { origin, close } = await listen(() => {})
  await close()
  const error: unknown = await client({ method: 'GET', url: origin, timeoutSeconds: 5 }).catch(
    (thrown) => thrown,
  )
  expect(describeCause(error)).toBe('nothing listens at this address (ECONNREFUSED)')
})

it('never says that a request was not sent, and quotes nothing of it', async () => {
  const failed = client({ method: 'GET', url: 'http://127.0.0.1:1/secret-path', timeoutSeconds: 5 })
  const error: unknown = await failed.catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ kind: 'reset', sent: true })
  expect(JSON.stringify([error, String(error), error instanceof Error && String(error.cause)])).not.toContain(
    'secret',
  )
})
