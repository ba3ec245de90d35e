import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import {
  AuthError,
  createPerennial,
  statusOf,
  type Authenticated,
  type AuthErrorCode,
  type AuthResponse,
  type Perennial,
  type PerennialOptions,
} from '@perennial/auth'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'

/**
 * An app on a free port of 127.0.0.1 that mounts the routes, the webhook, the key set, and beside them
 * `GET /projects` (members), `GET /staff` (role `staff`), `GET /admin` (role `admin` or `owner`), each answering
 * `{user, claims}`; `GET /broken` (members), whose handler throws `the app broke` for the app's own error handler
 * to answer with 500 and `{theirs: 'the app broke'}`; and `GET /hasty` (members), which the app itself answers with 503
 * and `{theirs: 'too late'}` while we are still finding out who it is.
 */
export type StartApp = (perennial: Perennial) => Promise<{ readonly url: string; close(): Promise<void> }>

/** What an adapter may differ in. */
export interface AdapterTraits {
  /** A parser of the framework takes JSON bodies before us. */
  readonly bodyParser?: boolean
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly body: Record<string, unknown> | null
}

interface Call {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  /** Sends the body in pieces, without saying how long it is. */
  readonly chunked?: boolean
}

/** What every adapter must do alike, on a real server with a real Memberstack emulator behind it. */
export function describeAdapter(name: string, startApp: StartApp, traits: AdapterTraits = {}): void {
  describe(name, () => {
    let emulator: Emulator
    let perennial: Perennial
    let app: Awaited<ReturnType<StartApp>>
    /** Every call to the core, so that a test can wait until none is left hanging. */
    let handled: Promise<AuthResponse>[]

    const start = async (options: Partial<PerennialOptions> = {}) => {
      const core = await createPerennial({
        store: 'memory:',
        memberstack: memberstackOf(emulator),
        rateLimits: { ipPerMinute: 10_000 },
        ...options,
      })
      perennial = {
        ...core,
        handle(request) {
          const answer = core.handle(request)
          handled.push(answer)
          return answer
        },
      }
      app = await startApp(perennial)
    }
    const stop = async () => {
      await app.close()
      await perennial.close()
    }

    beforeAll(async () => {
      emulator = await startEmulator({ adminRequestsPerSecond: 1000 })
    })
    afterAll(() => emulator.close())
    beforeEach(async () => {
      handled = []
      await start()
    })
    afterEach(stop)

    const call = (path: string, options: Call = {}) => send(app.url + path, options)
    const post = (path: string, value: unknown, headers: Record<string, string> = {}) =>
      call(path, { method: 'POST', body: JSON.stringify(value), headers: { ...asJson, ...headers } })
    const signIn = async (headers: Record<string, string> = {}) => {
      const { accessToken } = await emulator.issueTokens()
      const answer = await call('/v1/auth/session', {
        method: 'POST',
        headers: { authorization: `Bearer ${accessToken}`, ...headers },
      })
      expect(answer.status).toBe(201)
      return { access: stringIn(answer, 'accessToken'), refresh: stringIn(answer, 'refreshToken'), answer }
    }
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

    describe('the routes', () => {
      it('carry a member from sign-in over refresh to sign-out', async () => {
        const { access, refresh, answer } = await signIn({ 'user-agent': 'a browser' })
        expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
        expect(Object.keys(answer.body ?? {}).sort()).toEqual(['accessToken', 'refreshToken'])

        const me = await call('/v1/auth/me?access_token=never-read', { headers: bearer(access) })
        expect(me.status).toBe(200)
        expect(me.body).toMatchObject({ email: 'ada@example.com', roles: ['user', 'admin'] })

        const verified = await call('/v1/auth/verify', { headers: bearer(access) })
        expect([verified.status, verified.text, verified.headers['cache-control']]).toEqual([
          204,
          '',
          'no-store',
        ])
        expect(verified.headers).toMatchObject({
          'x-auth-request-user': 'mem_ada',
          'x-auth-request-email': 'ada@example.com',
          'x-auth-request-groups': 'user,admin',
        })
        expect(await call('/v1/auth/verify')).toMatchObject(refusal(401, 'AUTH_TOKEN_MISSING'))

        const list = await call('/v1/auth/sessions', { headers: bearer(access) })
        expect(list.body).toMatchObject({ sessions: [{ current: true, userAgent: 'a browser' }] })

        const refreshed = await post('/v1/auth/refresh-token', { refreshToken: refresh })
        expect([refreshed.status, refreshed.headers['cache-control']]).toEqual([200, 'no-store'])
        const successor = stringIn(refreshed, 'refreshToken')

        const out = await call('/v1/auth/session', {
          method: 'DELETE',
          body: JSON.stringify({ refreshToken: successor }),
          headers: asJson,
        })
        expect([out.status, out.text, out.headers['cache-control']]).toEqual([204, '', 'no-store'])
        expect(await call('/v1/auth/me', { headers: bearer(access) })).toMatchObject(
          refusal(401, 'AUTH_TOKEN_REVOKED'),
        )
        expect(await post('/v1/auth/refresh-token', { refreshToken: successor })).toMatchObject({
          status: 401,
          body: { code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: false },
        })
      })

      it('end one session, and all of a member', async () => {
        const [first, second] = [await signIn(), await signIn()]
        const list = await call('/v1/auth/sessions', { headers: bearer(first.access) })
        const sessions = list.body?.['sessions']
        const other = Array.isArray(sessions) ? sessions.find((one) => !one.current) : undefined
        const path = `/v1/auth/sessions/${String(other?.id)}`
        expect((await call(path, { method: 'DELETE', headers: bearer(first.access) })).status).toBe(204)
        expect((await call('/projects', { headers: bearer(second.access) })).status).toBe(401)
        const unknown = `/v1/auth/sessions/${'A'.repeat(22)}`
        expect(await call(unknown, { method: 'DELETE', headers: bearer(first.access) })).toMatchObject(
          refusal(404, 'AUTH_NOT_FOUND'),
        )
        const all = await call('/v1/auth/sessions', { method: 'DELETE', headers: bearer(first.access) })
        expect(all.status).toBe(204)
        expect((await call('/projects', { headers: bearer(first.access) })).status).toBe(401)
      })

      it('say 404 where there is nothing, at the mount point too', async () => {
        for (const path of ['', '/', '/else', '/me/', '/me/more', '/sessions/', '/refresh-token/x'])
          expect(await call(`/v1/auth${path}`), path).toMatchObject(refusal(404, 'AUTH_NOT_FOUND'))
      })

      it('say 405 with Allow to every other method, HEAD and OPTIONS among them', async () => {
        for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
          const answer = await call('/v1/auth/me', { method })
          expect(answer, method).toMatchObject(refusal(405, 'AUTH_METHOD_NOT_ALLOWED'))
          expect(answer.headers['allow'], method).toBe('GET')
        }
        const head = await call('/v1/auth/me', { method: 'HEAD' })
        expect([head.status, head.headers['allow'], head.text]).toEqual([405, 'GET', ''])
        expect((await call('/v1/auth/session')).headers['allow']).toBe('POST, DELETE')
      })

      it('take what is no JSON object for no token', async () => {
        const bodies = ['', '[]', 'null', '"x"', '{}', '{"refreshToken":1}', '{"refreshToken":""}']
        for (const body of traits.bodyParser ? bodies.filter((one) => /^[[{]/.test(one)) : [...bodies, '{"a'])
          expect(
            await call('/v1/auth/refresh-token', { method: 'POST', body, headers: asJson }),
            body,
          ).toMatchObject(refusal(400, 'AUTH_TOKEN_MISSING'))
        const form = await call('/v1/auth/refresh-token', {
          method: 'POST',
          body: 'refreshToken=abc',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        })
        expect(form).toMatchObject(refusal(400, 'AUTH_TOKEN_MISSING'))
      })

      it('take a body to the last allowed byte, and refuse the next, whether its length was said or not', async () => {
        const padded = (bytes: number) => {
          const empty = JSON.stringify({ refreshToken: '', pad: '' })
          return JSON.stringify({ refreshToken: '', pad: 'x'.repeat(bytes - empty.length) })
        }
        for (const chunked of [false, true]) {
          const sized = (bytes: number) =>
            call('/v1/auth/refresh-token', { method: 'POST', body: padded(bytes), headers: asJson, chunked })
          expect(await sized(16 * 1024)).toMatchObject(refusal(400, 'AUTH_TOKEN_MISSING'))
          // A parser before us has read it, and its length is known only where it was said.
          if (chunked && traits.bodyParser) continue
          expect(await sized(16 * 1024 + 1)).toMatchObject(refusal(413, 'AUTH_REQUEST_TOO_LARGE'))
        }
        if (traits.bodyParser) return
        const huge = 'x'.repeat(2_000_000)
        const answer = await call('/v1/auth/refresh-token', { method: 'POST', body: huge, chunked: true })
        expect(answer).toMatchObject(refusal(413, 'AUTH_REQUEST_TOO_LARGE'))
      })

      it('refuse a body that is too large where none is read, too', async () => {
        const { access } = await signIn()
        const body = 'x'.repeat(16 * 1024 + 1)
        const sent = (method: string, path: string) =>
          call(`/v1/auth${path}`, {
            method,
            body,
            headers: { ...bearer(access), 'content-type': 'text/plain' },
          })
        expect(await sent('POST', '/session')).toMatchObject(refusal(413, 'AUTH_REQUEST_TOO_LARGE'))
        expect(await sent('DELETE', '/sessions')).toMatchObject(refusal(413, 'AUTH_REQUEST_TOO_LARGE'))
        expect((await call('/v1/auth/me', { headers: bearer(access) })).status).toBe(200)
      })

      it('outlive an upload that breaks off', async () => {
        const { hostname, port } = new URL(app.url)
        for (const head of ['Content-Length: 1000', 'Transfer-Encoding: chunked']) {
          const before = handled.length
          const socket = connect(Number(port), hostname)
          await once(socket, 'connect')
          socket.write(
            `POST /v1/auth/refresh-token HTTP/1.1\r\nHost: x\r\n${traits.bodyParser ? 'Content-Type: text/plain' : 'Content-Type: application/json'}\r\n${head}\r\n\r\n`,
          )
          await until(() => handled.length > before)
          socket.resetAndDestroy()
          // Nothing is left hanging, and a caller who went away is no failure of ours.
          expect(await handled[before]).toMatchObject({ status: 400 })
        }
        expect(await post('/v1/auth/refresh-token', {})).toMatchObject(refusal(400, 'AUTH_TOKEN_MISSING'))
      })
    })

    describe('a protected route', () => {
      it('knows its member by either header, at first sight and later', async () => {
        const { access } = await signIn()
        for (const headers of [bearer(access), { 'x-memberstack-token': access }, bearer(access)]) {
          const answer = await call('/projects', { headers })
          expect(answer.status).toBe(200)
          expect(answer.body).toMatchObject({
            user: { email: 'ada@example.com', roles: ['user', 'admin'], customFields: {} },
            claims: { iss: 'perennial', aud: emulator.appId },
          })
          expect(Object.keys(Object(answer.body?.['user'])).sort()).toEqual([
            'customFields',
            'email',
            'roles',
            'userId',
          ])
        }
      })

      it('refuses in one shape, and says whether there was a token at all (RFC 6750 §3)', async () => {
        const { accessToken: memberToken } = await emulator.issueTokens()
        const missing = await call('/projects')
        expect(missing).toMatchObject(refusal(401, 'AUTH_TOKEN_MISSING'))
        expect(missing.headers['www-authenticate']).toBe('Bearer realm="perennial"')
        for (const headers of [bearer('rubbish'), { 'x-memberstack-token': 'a.b.c' }, bearer(memberToken)]) {
          const answer = await call('/projects', { headers })
          expect(answer).toMatchObject(refusal(401, 'AUTH_TOKEN_INVALID'))
          expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"')
          expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
          expect(answer.headers['cache-control']).toBe('no-store')
        }
        const inUrl = await call(`/projects?access_token=${(await signIn()).access}`)
        expect(inUrl).toMatchObject(refusal(401, 'AUTH_TOKEN_MISSING'))
      })

      it('asks for any of its roles', async () => {
        const { access } = await signIn()
        expect((await call('/admin', { headers: bearer(access) })).status).toBe(200)
        expect(await call('/staff', { headers: bearer(access) })).toMatchObject(
          refusal(403, 'AUTH_ROLE_INSUFFICIENT'),
        )
        expect((await call('/staff')).status).toBe(401)
      })

      it('leaves what its own handler throws to the app', async () => {
        const { access } = await signIn()
        for (const sight of ['first', 'second']) {
          const answer = await call('/broken', { headers: bearer(access) })
          expect([answer.status, answer.body], sight).toEqual([500, { theirs: 'the app broke' }])
        }
        expect((await call('/broken')).status).toBe(401)
      })

      it('stands back where the app has answered in the meantime', async () => {
        const user = { userId: 'mem_1', email: '', roles: [], customFields: {} }
        const late: (() => Promise<Authenticated>)[] = [
          () => Promise.reject(new AuthError('AUTH_TOKEN_INVALID', 'No.')),
          () => Promise.resolve({ user, claims: { iss: 'perennial', iat: 1, exp: 2 } }),
        ]
        const unhandled: unknown[] = []
        const note = (reason: unknown) => void unhandled.push(reason)
        process.on('unhandledRejection', note)
        onTestFinished(() => void process.off('unhandledRejection', note))
        for (const findOut of late) {
          let goOn = (): void => {}
          const answered = new Promise<void>((resolve) => (goOn = resolve))
          perennial.authenticate = () => answered.then(findOut)
          expect(await call('/hasty')).toMatchObject({ status: 503, body: { theirs: 'too late' } })
          goOn()
          await new Promise((resolve) => setImmediate(resolve))
        }
        expect(unhandled).toEqual([])
      })

      it('answers every code of the error table with its status, thrown or rejected', async () => {
        const isCode = (key: string): key is AuthErrorCode => key in statusOf
        const codes = Object.keys(statusOf).filter(isCode)
        for (const code of codes) {
          const error = new AuthError(code, 'No.', { retryable: true, retryAfterSeconds: 6.2 })
          for (const fail of [() => Promise.reject(error), refuse(error)]) {
            perennial.authenticate = fail
            const answer = await call('/projects')
            expect(answer, code).toMatchObject({
              status: statusOf[code],
              body: { error: 'No.', code, retryable: true },
            })
            expect(answer.headers['retry-after'], code).toBe('7')
          }
        }
      })

      it('keeps to itself what is no error of ours', async () => {
        perennial.authenticate = refuse(new Error('canary'))
        const answer = await call('/projects')
        expect(answer).toMatchObject(refusal(500, 'AUTH_INTERNAL_ERROR'))
        expect(answer.text).not.toContain('canary')
      })
    })

    describe('the key set', () => {
      const path = '/.well-known/jwks.json'

      it('holds the key of our access tokens, and may be kept for a while', async () => {
        const { access } = await signIn()
        const answer = await call(path)
        expect([answer.status, answer.headers['content-type'], answer.headers['cache-control']]).toEqual([
          200,
          'application/json; charset=utf-8',
          'public, max-age=300',
        ])
        const { kid } = JSON.parse(Buffer.from(access.split('.')[0] ?? '', 'base64url').toString())
        expect(answer.body).toEqual({
          keys: expect.arrayContaining([expect.objectContaining({ kid, alg: 'ES256' })]),
        })
        for (const key of Object(answer.body).keys) expect(key).not.toHaveProperty('d')
      })

      it('is in the one shape of errors where it cannot be read', async () => {
        perennial.readJwks = () =>
          Promise.reject(new AuthError('AUTH_UNAVAILABLE', 'No.', { retryable: true }))
        const answer = await call(path)
        expect(answer).toMatchObject(refusal(503, 'AUTH_UNAVAILABLE'))
        expect(answer.headers['cache-control']).toBe('no-store')
      })
    })

    describe('the webhook', () => {
      it('checks signatures over the raw bytes', async () => {
        const url = `${app.url}/v1/webhooks/memberstack`
        const { access } = await signIn()
        emulator.setWebhookUrl(url)
        emulator.createMember({ email: `${crypto.randomUUID()}@example.com`, password: 'perennial-demo' })
        await emulator.webhooksSettled()
        const statuses = emulator.webhooks().flatMap(({ attempts }) => attempts.map(({ status }) => status))
        emulator.setWebhookUrl(null)
        expect(statuses).toEqual(statuses.map(() => 204))
        expect(statuses.length).toBeGreaterThan(0)
        expect((await call('/projects', { headers: bearer(access) })).status).toBe(200)
        expect(await post('/v1/webhooks/memberstack', { event: 'member.deleted' })).toMatchObject(
          refusal(400, 'AUTH_WEBHOOK_INVALID'),
        )
      })
    })

    describe('the cookie transport', () => {
      let now = 0
      beforeEach(async () => {
        await stop()
        now = Math.floor(Date.now() / 1000)
        await start({ refreshTokenTransport: 'cookie', clock: () => now })
      })

      it('keeps the refresh token out of every body, and takes it from the cookie alone', async () => {
        const own = { origin: app.url, 'x-csrf': '1' }
        const { accessToken } = await emulator.issueTokens()
        const signedIn = await call('/v1/auth/session', {
          method: 'POST',
          headers: { ...bearer(accessToken), ...own },
        })
        expect([signedIn.status, Object.keys(signedIn.body ?? {})]).toEqual([201, ['accessToken']])
        const [setCookie = ''] = signedIn.headers['set-cookie'] ?? []
        expect(setCookie).toMatch(
          /^__Host-perennial=[\w.-]+; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
        )
        const cookie = setCookie.slice(0, setCookie.indexOf(';'))

        const foreign = { cookie, origin: 'https://evil.example', 'x-csrf': '1' }
        expect(await call('/v1/auth/refresh-token', { method: 'POST', headers: foreign })).toMatchObject(
          refusal(403, 'AUTH_ORIGIN_DENIED'),
        )
        const refreshed = await call('/v1/auth/refresh-token', {
          method: 'POST',
          headers: { cookie, ...own },
        })
        expect([refreshed.status, Object.keys(refreshed.body ?? {})]).toEqual([200, ['accessToken']])
        // A page load: the refresh token stays, and no cookie is set.
        expect(refreshed.headers['set-cookie']).toBeUndefined()
        now += 1800
        const rotated = await call('/v1/auth/refresh-token', {
          method: 'POST',
          headers: { cookie, ...own },
        })
        expect(rotated.status).toBe(200)
        expect(rotated.headers['set-cookie']?.[0]).toMatch(/^__Host-perennial=[\w-]{75}; /)
        const visitor = await call('/v1/auth/refresh-token', { method: 'POST', headers: own })
        expect([visitor.status, visitor.text]).toEqual([204, ''])

        const out = await call('/v1/auth/session', { method: 'DELETE', headers: { cookie, ...own } })
        expect(out.status).toBe(204)
        expect(out.headers['set-cookie']?.[0]).toMatch(/^__Host-perennial=; Max-Age=0;/)
      })

      it('takes the access token of a page from its cookie, on changing requests from our own pages alone', async () => {
        await start({ refreshTokenTransport: 'cookie', pages: true })
        const { accessToken } = await emulator.issueTokens()
        const own = { origin: app.url, 'x-csrf': '1' }
        const signIn = { method: 'POST', headers: { ...bearer(accessToken), ...own } }
        const { headers } = await call('/v1/auth/session', signIn)
        const cookie = (headers['set-cookie'] ?? []).map((line) => line.split(';', 1)[0]).join('; ')
        expect(cookie).toMatch(/^__Host-perennial=[\w-]+; __Host-perennial-access=[\w.-]+$/)
        expect((await call('/projects', { headers: { cookie } })).status).toBe(200)
        expect((await call('/v1/auth/me', { headers: { cookie } })).status).toBe(200)
        const post = (more: Record<string, string>) =>
          call('/projects', { method: 'POST', headers: { cookie, ...more } })
        expect((await post({ origin: app.url })).status).toBe(200)
        for (const more of [{}, { origin: 'https://evil.example' }])
          expect(await post(more)).toMatchObject(refusal(401, 'AUTH_TOKEN_MISSING'))
      })
    })
  })
}

const asJson = { 'content-type': 'application/json' }

function memberstackOf(emulator: Emulator): PerennialOptions['memberstack'] {
  const { appId, secretKey, adminUrl, webhookSecret } = emulator
  return { appId, secretKey, adminUrl, webhookSecret }
}

const refuse = (error: Error) => (): never => {
  throw error
}

function refusal(status: number, code: string) {
  return { status, body: { code, error: expect.any(String) } }
}

function stringIn(answer: Answer, name: string): string {
  const value = answer.body?.[name]
  if (typeof value !== 'string') throw new Error(`no ${name} in an answer ${answer.status}`)
  return value
}

/** One event-loop turn after the other until it is so; the test's own time limit ends a wait in vain. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

/** `fetch` refuses some methods and says the length of every body. */
async function send(
  url: string,
  { method = 'GET', headers = {}, body = '', chunked }: Call,
): Promise<Answer> {
  const request = httpRequest(url, { method, headers, agent: false })
  // The answer may come, and the connection go, before all of a body that is too large was sent.
  const answered = once(request, 'response')
  if (chunked) request.write(body.slice(0, 1))
  else if (body) request.setHeader('content-length', Buffer.byteLength(body))
  request.end(chunked ? body.slice(1) : body)
  const [response] = await answered
  request.on('error', () => {})
  return readAnswer(response)
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  const isJson = String(response.headers['content-type']).startsWith('application/json')
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    body: isJson && text ? JSON.parse(text) : null,
  }
}
