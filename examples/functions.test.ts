import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { hasPostgres, startPostgres, type PostgresServer } from '../packages/auth/test/kit/postgres.js'

let server: PostgresServer
let emulator: Emulator
beforeAll(async () => {
  if (!hasPostgres()) return
  server = await startPostgres()
  emulator = await startEmulator()
  vi.stubEnv('STORE_URL', server.url)
  vi.stubEnv('PERENNIAL_SECRET', Buffer.alloc(32, 7).toString('base64'))
  vi.stubEnv('MEMBERSTACK_APP_ID', emulator.appId)
  vi.stubEnv('MEMBERSTACK_SECRET_KEY', emulator.secretKey)
  vi.stubEnv('MEMBERSTACK_ADMIN_URL', emulator.adminUrl)
  vi.stubEnv('MEMBERSTACK_ISSUER', emulator.issuer)
}, 60_000)
afterAll(async () => {
  vi.unstubAllEnvs()
  await emulator?.close()
  await server?.remove()
})

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, string>>
}

type Call = (route: string, token?: string, body?: object) => Promise<Answer>

const parse = (text: string): Record<string, string> => (text === '' ? {} : JSON.parse(text))

/** Returns true if the store knows that the newest generation of a session was used. */
async function isConfirmed(accessToken: string): Promise<boolean> {
  const claims: Record<string, string> = JSON.parse(
    Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString(),
  )
  const text = 'SELECT 1 FROM perennial.sessions WHERE id = $1 AND confirmed_at IS NOT NULL'
  return (await server.query(text, [claims['sid']])).length > 0
}

async function useMember(call: Call, served: object = { hello: 'ada@example.com' }): Promise<string> {
  const signedIn = await call('POST /v1/auth/session', (await emulator.issueTokens()).accessToken)
  expect(signedIn.status).toBe(201)
  const { refreshToken } = signedIn.body
  const refreshed = await call('POST /v1/auth/refresh-token', undefined, { refreshToken })
  expect(refreshed.status).toBe(200)
  const { accessToken = '' } = refreshed.body
  expect(await call('GET /projects', accessToken)).toEqual({ status: 200, body: served })
  return accessToken
}

async function leave(call: Call, accessToken: string): Promise<void> {
  expect((await call('DELETE /v1/auth/session', accessToken)).status).toBe(204)
  expect((await call('GET /projects', accessToken)).body['code']).toBe('AUTH_TOKEN_REVOKED')
}

describe.runIf(hasPostgres())('functions on Postgres', () => {
  it.each(['abcdef.lambda-url.eu-west-1.on.aws', 'abcdef.execute-api.eu-west-1.amazonaws.com'])(
    'AWS Lambda has written the first use of a token when it answers, at %s',
    async (domainName) => {
      vi.stubEnv('AWS_LAMBDA_FUNCTION_NAME', 'perennial')
      const { handler } = await import('./aws-lambda/handler.js')
      const call: Call = async (route, token, body) => {
        const [method = 'GET', rawPath = ''] = route.split(' ')
        const isBase64Encoded = domainName.includes('execute-api')
        const text = body && JSON.stringify(body)
        const encoded = text && isBase64Encoded ? Buffer.from(text).toString('base64') : text
        const result = await handler({
          rawPath,
          rawQueryString: '',
          headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
          ...(encoded === undefined ? {} : { body: encoded }),
          isBase64Encoded,
          requestContext: { domainName, http: { method, sourceIp: '192.0.2.1' } },
        })
        return { status: result.statusCode, body: parse(result.body) }
      }
      const accessToken = await useMember(call)
      expect(await isConfirmed(accessToken)).toBe(true)
      await leave(call, accessToken)
    },
  )

  it('Vercel has the first use of a token written when a route of Next.js answers', async () => {
    vi.stubEnv('AWS_LAMBDA_FUNCTION_NAME', '')
    vi.stubEnv('VERCEL', '1')
    const auth = await import('./next/app/v1/auth/[...path]/route.js')
    const projects = await import('./next/app/projects/route.js')
    const { getPerennial } = await import('./next/perennial.js')
    onTestFinished(async () => {
      await (await getPerennial()).close()
      Reflect.deleteProperty(globalThis, 'perennial')
    })
    const call: Call = async (route, token, body) => {
      const [method = 'GET', path = ''] = route.split(' ')
      const request = new Request(`https://app.example${path}`, {
        method,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const handler = path === '/projects' ? projects.GET : method === 'DELETE' ? auth.DELETE : auth.POST
      const answer = await handler(request)
      const text = await answer.text()
      return { status: answer.status, body: parse(text) }
    }
    const accessToken = await useMember(call, { owner: 'ada@example.com', projects: ['Analytical engine'] })
    expect(await isConfirmed(accessToken)).toBe(true)
    await leave(call, accessToken)
  })

  it('Netlify gets the write of the first use of a token', async () => {
    const { default: api } = await import('./netlify/netlify/functions/api.js')
    const handed: Promise<unknown>[] = []
    const context = { ip: '192.0.2.1', waitUntil: (work: Promise<unknown>) => void handed.push(work) }
    const call: Call = async (route, token, body) => {
      const [method = 'GET', path = ''] = route.split(' ')
      const answer = await api(
        new Request(`https://site.example${path}`, {
          method,
          headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
        context,
      )
      return { status: answer.status, body: parse(await answer.text()) }
    }
    const accessToken = await useMember(call)
    await Promise.all(handed)
    expect(await isConfirmed(accessToken)).toBe(true)
    await leave(call, accessToken)
  })
})
