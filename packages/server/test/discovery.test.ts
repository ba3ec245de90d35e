import * as oauth from 'oauth4webapi'
import { afterEach, describe, expect, it } from 'vitest'
import { freePort } from '../../auth/test/kit/redis.js'
import { call, exchange, pairOf } from './kit/auth-calls.js'
import { startSessionWorld, type SessionWorld } from './kit/session-world.js'

let world: SessionWorld | undefined
afterEach(() => world?.close())

/** The service speaks http on this machine. */
const insecure = { [oauth.allowInsecureRequests]: true }

async function startIssuer(changes: Record<string, string> = {}): Promise<{ issuer: URL; token: string }> {
  const port = await freePort()
  const issuer = new URL(`http://127.0.0.1:${port}`)
  world = await startSessionWorld({ PORT: String(port), PERENNIAL_ISSUER: issuer.origin, ...changes })
  const { accessToken: memberJwt } = await world.emulator.issueTokens()
  return { issuer, token: pairOf(await exchange(world.service.url, memberJwt)).accessToken }
}

const bearing = (token: string) =>
  new Request('https://api.example.com/projects', { headers: { authorization: `Bearer ${token}` } })

describe('an API that knows the issuer and the app id alone', () => {
  const discover = async ({ origin }: URL) => {
    // Without a slash, as `iss` is.
    const answer = await oauth.discoveryRequest(new URL(origin), { algorithm: 'oidc', ...insecure })
    const { issuer } = await answer.clone().json()
    expect(issuer).toBe(origin)
    return await answer.json()
  }

  it('finds the key set and verifies access tokens by RFC 9068', async () => {
    const { issuer, token } = await startIssuer({ ACCESS_TOKEN_CLAIMS: '{"role":"authenticated"}' })
    const server: oauth.AuthorizationServer = await discover(issuer)
    const claims = await oauth.validateJwtAccessToken(server, bearing(token), 'app_emulator', insecure)
    expect(claims).toMatchObject({
      iss: issuer.origin,
      aud: 'app_emulator',
      client_id: 'app_emulator',
      sub: 'mem_ada',
      role: 'authenticated',
      email: 'ada@example.com',
    })
    const refusalOf = async (audience: string, presented: string) =>
      oauth.validateJwtAccessToken(server, bearing(presented), audience, insecure).then(
        () => 'accepted',
        (error: Error) => error.message,
      )
    expect(await refusalOf('app_other', token)).toContain('aud')
    const [header, payload, signature = ''] = token.split('.')
    const forged = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    expect(await refusalOf('app_emulator', forged)).toContain('signature')
    const member = await world?.emulator.issueTokens()
    expect(await refusalOf('app_emulator', member?.accessToken ?? '')).not.toBe('accepted')
  })

  it('finds nothing where the issuer is not a URL', async () => {
    world = await startSessionWorld({})
    const { status, body } = await call(world.service.url, '/.well-known/openid-configuration')
    expect([status, body['code']]).toEqual([404, 'AUTH_NOT_FOUND'])
  })
})
