import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { startEmulator } from '@perennial/emulator'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createMemberstackApp, type MemberstackApp } from './kit/memberstack-app.js'
import { listen } from './kit/servers.js'

const verify = 'POST /members/verify-token'
const read = 'GET /members/:idOrEmail'

/** Starts an app that reads the key set of its emulator through a server of the test. */
async function createAppWithKeys({
  answer,
  keysOf,
}: {
  readonly answer?: () => { status: number; body: string }
  /** The address of another key set. */
  readonly keysOf?: string
} = {}): Promise<MemberstackApp> {
  let keySet: string | undefined
  let serve = () => {}
  const isKnown = new Promise<void>((resolve) => (serve = resolve))
  const { origin } = await listen((_request, response) => {
    const send = () => {
      const { status, body } = answer?.() ?? { status: 200, body: keySet }
      response.writeHead(status).end(body)
    }
    if (answer) send()
    else void isKnown.then(send)
  })
  const app = await createMemberstackApp({ memberstack: { jwksUri: `${origin}/jwks` } })
  const serveKeysOf = async (jwksUri: string) => {
    keySet = await (await fetch(jwksUri)).text()
    serve()
  }
  await serveKeysOf(keysOf ?? app.emulator.jwksUri)
  return app
}

/** Returns the token with this part of its header or claims replaced, signed by the given key or left with its signature. */
function changed(
  token: string,
  changes: { readonly header?: object; readonly claims?: object },
  signedBy?: KeyObject,
): string {
  const [header = '', claims = '', signature = ''] = token.split('.')
  const merge = (part: string, change: object = {}) =>
    Buffer.from(
      JSON.stringify({ ...JSON.parse(Buffer.from(part, 'base64url').toString()), ...change }),
    ).toString('base64url')
  const signed = `${merge(header, changes.header)}.${merge(claims, changes.claims)}`
  return `${signed}.${signedBy ? sign('sha256', Buffer.from(signed), signedBy).toString('base64url') : signature}`
}

const foreign = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey

async function exchange(app: MemberstackApp, token: string) {
  app.calls()
  const { status, code } = await app.call('POST /session', { token })
  return { status, code, calls: app.calls() }
}

describe('a sign-in where the key set of Memberstack is known', () => {
  it('costs one call of the admin API for a JWT that a key of the set signed', async () => {
    const app = await createAppWithKeys()
    const { accessToken } = await app.emulator.issueTokens()
    expect(await exchange(app, accessToken)).toEqual({ status: 201, code: undefined, calls: { [read]: 1 } })
  })

  it('costs none for a JWT whose signature is not by the key that it names', async () => {
    const app = await createAppWithKeys()
    const { accessToken } = await app.emulator.issueTokens()
    const forgeries = [
      changed(accessToken, { claims: { id: 'mem_bob' } }),
      changed(accessToken, {}, foreign),
      changed(accessToken, { header: { alg: 'none' } }),
      changed(accessToken, { header: { alg: 'HS256' } }),
      `${accessToken.slice(0, accessToken.lastIndexOf('.'))}.`,
      accessToken.slice(0, -8),
    ]
    for (const token of forgeries) {
      const refused = { status: 401, code: 'AUTH_TOKEN_INVALID', calls: {} }
      expect(await exchange(app, token), token.slice(-40)).toEqual(refused)
    }
  })

  it('is decided by Memberstack for a JWT that names no key of the set', async () => {
    const other = await startEmulator()
    onTestFinished(() => other.close())
    const app = await createAppWithKeys({ keysOf: other.jwksUri })
    const { accessToken } = await app.emulator.issueTokens()
    const asked = { [verify]: 1, [read]: 1 }
    expect(await exchange(app, accessToken)).toEqual({ status: 201, code: undefined, calls: asked })
    const forged = changed(accessToken, {}, foreign)
    expect(await exchange(app, forged)).toMatchObject({ status: 401, calls: { [verify]: 1 } })
    const unnamed = changed(accessToken, { header: { kid: undefined } }, foreign)
    expect(await exchange(app, unnamed)).toMatchObject({ status: 401, calls: { [verify]: 1 } })
  })

  it.each([
    ['is away', { status: 503, body: '' }],
    ['is no key set', { status: 200, body: '<html>' }],
    ['is empty', { status: 200, body: '{"keys":[]}' }],
  ])('is decided by Memberstack while the key set %s', async (_name, answer) => {
    const app = await createAppWithKeys({ answer: () => answer })
    const { accessToken } = await app.emulator.issueTokens()
    const asked = { [verify]: 1, [read]: 1 }
    expect(await exchange(app, accessToken)).toEqual({ status: 201, code: undefined, calls: asked })
    expect(await exchange(app, changed(accessToken, {}, foreign))).toMatchObject({
      status: 401,
      calls: { [verify]: 1 },
    })
  })

  it('refuses an expired JWT and one of another app, as it does without keys', async () => {
    const app = await createAppWithKeys()
    const tokenWith = async (claims: Record<string, unknown>) =>
      (await app.emulator.issueTokens({ claims })).accessToken
    const { accessToken: old } = await app.emulator.issueTokens({ expiresInSeconds: -1 })
    expect(await exchange(app, old)).toEqual({ status: 401, code: 'AUTH_TOKEN_EXPIRED', calls: {} })
    const bad = [{ aud: 'app_other' }, { type: 'admin' }, { iss: 'https://evil.example' }, { exp: null }]
    for (const claims of bad)
      expect(await exchange(app, await tokenWith(claims))).toMatchObject({ status: 401, calls: {} })
    const good = [{ aud: ['app_other', app.emulator.appId] }, { type: null }]
    for (const claims of good)
      expect(await exchange(app, await tokenWith(claims))).toMatchObject({
        status: 201,
        calls: { [read]: 1 },
      })
  })

  it('refuses the JWT of a deleted member', async () => {
    const app = await createAppWithKeys()
    const { accessToken } = await app.emulator.issueTokens()
    app.emulator.deleteMember('mem_ada')
    expect(await exchange(app, accessToken)).toMatchObject({ status: 401, code: 'AUTH_USER_CONTEXT_INVALID' })
  })
})

describe('a sign-in where no key of Memberstack is known', () => {
  it('costs no call for a JWT that nobody can have signed, and one for any other', async () => {
    const app = await createMemberstackApp()
    const { accessToken } = await app.emulator.issueTokens()
    const impossible = [
      changed(accessToken, { header: { alg: 'none' } }),
      `${accessToken.slice(0, accessToken.lastIndexOf('.'))}.AAAA`,
    ]
    for (const token of impossible)
      expect(await exchange(app, token)).toEqual({ status: 401, code: 'AUTH_TOKEN_INVALID', calls: {} })
    const forged = changed(accessToken, {}, foreign)
    expect(await exchange(app, forged)).toMatchObject({ status: 401, calls: { [verify]: 1 } })
  })
})
