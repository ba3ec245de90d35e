import type { HttpClient, HttpRequest } from '@perennial/auth'

/** The app that the measured members belong to. */
export const appId = 'app_bench'

const issuer = 'https://api.memberstack.com'

/** A member JWT of the right shape; here nobody checks signatures but the admin API, which is {@link askMemberstack}. */
export function memberTokenOf(memberId: string, now: number): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const iat = Math.floor(now)
  const claims = { id: memberId, type: 'member', iat, exp: iat + 1_209_600, aud: appId, iss: issuer }
  return `${encode({ alg: 'RS256', typ: 'JWT', kid: 'bench' })}.${encode(claims)}.${'A'.repeat(342)}`
}

/** Memberstack's admin API without a network: what is measured is ours alone. */
export const askMemberstack: HttpClient = (request) =>
  Promise.resolve({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ data: request.method === 'POST' ? claimsIn(request) : memberIn(request) }),
  })

function claimsIn({ body = '{}' }: HttpRequest): unknown {
  const { token }: { token: string } = JSON.parse(body)
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

function memberIn({ url }: HttpRequest): unknown {
  const id = url.slice(url.lastIndexOf('/') + 1)
  return {
    id,
    verified: true,
    createdAt: '2025-01-01T00:00:00.000Z',
    auth: { email: `${id}@example.com` },
    permissions: ['user', 'editor'],
    customFields: { 'first-name': 'Ada', 'last-name': 'Lovelace', company: 'Analytical Engines' },
    metaData: {},
    json: {},
    planConnections: [{ id: 'con_1', active: true, status: 'ACTIVE', planId: 'pln_gold', type: 'FREE' }],
  }
}
