import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { serveJson } from '../kit/loopback.ts'
import type { Contender, Prepared } from './contender.ts'

const secret = 'bench-secret-of-more-than-32-characters'
const email = 'ada@example.com'

const betterAuthSetup = `
import { betterAuth } from 'better-auth'
import { memoryAdapter } from '@better-auth/memory-adapter'
import { bearer } from 'better-auth/plugins'
export const createAuth = (tables, secret) => betterAuth({
  database: memoryAdapter(tables),
  secret,
  baseURL: 'https://worker.example',
  emailAndPassword: { enabled: true },
  plugins: [bearer()],
})`

/** Its database is in the memory of the process, so that no network and no disk is measured. */
export const betterAuthContender: Contender = {
  name: 'better-auth, bearer session in memory',
  program: `${betterAuthSetup}
const reviveDates = (name, value) => (/At$/.test(name) && typeof value === 'string' ? new Date(value) : value)
export async function verify(token, { tables, secret }) {
  const auth = createAuth(JSON.parse(JSON.stringify(tables), reviveDates), secret)
  const found = await auth.api.getSession({ headers: new Headers({ authorization: \`Bearer \${token}\` }) })
  return found?.user.email
}
export async function signUp(secret, email) {
  const tables = { user: [], session: [], account: [], verification: [] }
  const auth = createAuth(tables, secret)
  const { headers } = await auth.api.signUpEmail({
    body: { email, name: 'Ada', password: 'a password of the bench' },
    returnHeaders: true,
  })
  return { tables, token: headers.get('set-auth-token') }
}
export default { fetch: (request) => createAuth({}, '').handler(request) }`,
  async prepare(_folder, load): Promise<Prepared> {
    const {
      signUp,
    }: { readonly signUp: (...given: string[]) => Promise<{ tables: object; token: string }> } = await load()
    const { tables, token } = await signUp(secret, email)
    return { token, world: { tables, secret }, member: email, close: async () => {} }
  },
}

/** Its core is a Java program. Only the key set of one is needed to verify a token, and is served here. */
export const supertokensContender: Contender = {
  name: 'supertokens-node, access token of a session',
  program: `
import SuperTokens from 'supertokens-node'
import Session from 'supertokens-node/recipe/session'
export async function verify(token, { connectionURI }) {
  SuperTokens.init({
    framework: 'custom',
    supertokens: { connectionURI },
    appInfo: { appName: 'bench', apiDomain: 'https://worker.example', websiteDomain: 'https://worker.example' },
    recipeList: [Session.init()],
  })
  const session = await Session.getSessionWithoutRequestResponse(token, undefined, { antiCsrfCheck: false })
  return session.getUserId()
}
export default { fetch: () => new Response() }`,
  async prepare(): Promise<Prepared> {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const kid = `d-${Date.now()}`
    const keys = [{ ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }]
    const server = await serveJson(({ path }) => ({
      status: 200,
      body: JSON.stringify(
        path.endsWith('jwks.json') ? { keys } : { versions: ['5.0', '5.1', '5.2', '5.3', '5.4'] },
      ),
    }))
    const now = Math.floor(Date.now() / 1000)
    const userId = randomUUID()
    const payload = {
      sub: userId,
      rsub: userId,
      tId: 'public',
      iss: 'https://worker.example/auth',
      iat: now,
      exp: now + 3600,
      sessionHandle: randomUUID(),
      refreshTokenHash1: 'x'.repeat(64),
      parentRefreshTokenHash1: null,
      antiCsrfToken: null,
    }
    const head = encode({ kid, typ: 'JWT', version: '5', alg: 'RS256' })
    const signed = `${head}.${encode(payload)}`
    const signature = sign('sha256', Buffer.from(signed), privateKey).toString('base64url')
    return {
      token: `${signed}.${signature}`,
      world: { connectionURI: server.url },
      member: userId,
      close: async () => server.close(),
    }
  },
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
