import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import { secret } from '../kit/members.ts'
import type { Contender } from './contender.ts'

const folder = new URL('peer/', import.meta.url)

/** The command that installs next-auth and oidc-provider. */
export const installPeer = 'npm ci --prefix bench/pages/peer'

/** Returns true if next-auth and oidc-provider are installed. */
export const hasPeer = (): boolean => existsSync(new URL('node_modules/next-auth', folder))

/** The session of next-auth, with what its guide for the rotation of refresh tokens keeps in it. */
interface SessionToken {
  readonly sub?: string
  readonly email?: string
  readonly accessTokenExpires?: number
  readonly refreshToken?: string
  readonly error?: string
}

/** The parts of the two packages that the bench uses. */
interface NextAuth {
  readonly getServerSession: (
    request: object,
    response: object,
    options: object,
  ) => Promise<{ readonly user?: { readonly email?: string }; readonly error?: string } | null>
}
interface NextAuthJwt {
  readonly encode: (given: { readonly token: SessionToken; readonly secret: string }) => Promise<string>
}
type Model = new (fields: object) => { save(): Promise<string>; addOIDCScope(scope: string): void }
interface Provider {
  readonly Grant: Model
  readonly RefreshToken: Model
  readonly Client: { find(id: string): Promise<object> }
  callback(): Parameters<typeof createServer>[1]
}

const client = { client_id: 'site', client_secret: 'bench' }
const scope = 'openid offline_access'
const cookieName = 'next-auth.session-token'
const email = 'mem_000000@example.com'

/** A contender, and the cost of a session that needs no refresh. */
export interface NextAuthContender extends Contender {
  /** Returns the e-mail address of the member of a request with the cookie of the browser; undefined if nobody is signed in. */
  readEmail(): Promise<string | undefined>
}

/**
 * Opens next-auth, by the guide of its documentation for the rotation of refresh tokens, before an issuer that rotates them as RFC
 * 9700 §4.14.2 says: one that is presented twice ends the grant.
 */
export async function openNextAuthContender(): Promise<NextAuthContender> {
  const require = createRequire(folder)
  const { getServerSession }: NextAuth = require('next-auth')
  const { encode }: NextAuthJwt = require('next-auth/jwt')
  const issuer = await startIssuer()
  const time = { aheadMs: 0 }
  const clock = () => Date.now() + time.aheadMs
  const options = {
    secret,
    providers: [],
    callbacks: createCallbacks(createRefresh(issuer.url, clock), clock),
  }
  let cookie = ''
  const read = async () => {
    const set: string[] = []
    const response = {
      getHeader: () => set,
      setHeader: (_name: string, value: string[]) => void set.push(...value),
    }
    const request = { headers: {}, cookies: { [cookieName]: cookie } }
    return { session: await getServerSession(request, response, options), set }
  }
  return {
    name: 'next-auth 4, oidc-provider 9',
    async signIn() {
      const accessTokenExpires = clock() + 3_600_000
      const token = { sub: 'ada', email, accessTokenExpires, refreshToken: await issuer.issue() }
      cookie = await encode({ token, secret })
    },
    passHour: () => void (time.aheadMs += 4_000_000),
    async render(parallel) {
      const rendered = await Promise.all(Array.from({ length: parallel }, read))
      for (const { set } of rendered) cookie = valueOf(set) ?? cookie
      return rendered.filter(({ session }) => session !== null && session.error === undefined).length
    },
    async readEmail() {
      const { session } = await read()
      return session?.error === undefined ? session?.user?.email : undefined
    },
    takeRefreshes: () => issuer.takeRefreshes(),
    close: () => issuer.close(),
  }
}

/** Creates the callbacks of next-auth's guide. */
const createCallbacks = (refresh: (token: SessionToken) => Promise<SessionToken>, clock: () => number) => ({
  jwt: ({ token }: { token: SessionToken }) =>
    clock() < (token.accessTokenExpires ?? 0) ? token : refresh(token),
  session: ({ session, token }: { session: object; token: SessionToken }) => ({
    ...session,
    error: token.error,
  }),
})

async function listenOnLoopback(server: Server): Promise<string> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

/** Returns the value that an answer gives to the cookie of the session. */
function valueOf(set: readonly string[]): string | undefined {
  const found = set.findLast((cookie) => cookie.startsWith(`${cookieName}=`))
  return found?.slice(cookieName.length + 1).split(';', 1)[0]
}

/** Creates the function of next-auth's guide that refreshes the tokens of a session. */
function createRefresh(issuer: string, clock: () => number): (token: SessionToken) => Promise<SessionToken> {
  return async (token) => {
    const body = new URLSearchParams({
      ...client,
      grant_type: 'refresh_token',
      refresh_token: token.refreshToken ?? '',
    })
    const answer = await fetch(`${issuer}/token`, { method: 'POST', body })
    const tokens = await answer.json()
    if (!answer.ok) return { ...token, error: 'RefreshAccessTokenError' }
    return {
      ...token,
      accessTokenExpires: clock() + tokens.expires_in * 1000,
      refreshToken: tokens.refresh_token,
    }
  }
}

/** Starts an issuer on loopback. */
async function startIssuer() {
  const { default: Provider }: { default: new (url: string, configuration: object) => Provider } =
    await import(createRequire(folder).resolve('oidc-provider'))
  let refreshes = 0
  const server = createServer()
  const url = await listenOnLoopback(server)
  const provider = new Provider(url, {
    clients: [{ ...client, grant_types: ['refresh_token', 'authorization_code'], redirect_uris: [`${url}/cb`], token_endpoint_auth_method: 'client_secret_post' }], // prettier-ignore
    scopes: ['openid', 'offline_access'],
    rotateRefreshToken: true,
    ttl: { AccessToken: 3600, Grant: 1_209_600, IdToken: 3600, RefreshToken: 1_209_600 },
    cookies: { keys: [secret] },
    findAccount: (_context: object, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
  })
  const handle = provider.callback()
  server.on('request', (request, response) => {
    refreshes += 1
    handle?.(request, response)
  })
  return {
    url,
    async issue(): Promise<string> {
      const found = await provider.Client.find(client.client_id)
      const grant = new provider.Grant({ accountId: 'ada', clientId: client.client_id })
      grant.addOIDCScope(scope)
      const grantId = await grant.save()
      const fields = { accountId: 'ada', client: found, grantId, scope, gty: 'authorization_code' }
      return await new provider.RefreshToken(fields).save()
    },
    takeRefreshes(): number {
      const taken = refreshes
      refreshes = 0
      return taken
    },
    async close(): Promise<void> {
      server.closeAllConnections()
      await new Promise((resolve) => void server.close(resolve))
    },
  }
}
