import { join } from 'node:path'
import { createPerennial, type Perennial } from '@perennial/auth'
import { createD1Store } from '@perennial/auth/d1'
import { createFetchHandler } from '@perennial/auth/fetch'
import { serveJson } from '../kit/loopback.ts'
import { appId, memberClaims, memberId, secret, secretKey } from '../kit/members.ts'
import { inProcessMemberstack } from '../kit/memberstack.ts'
import { createSigner } from '../kit/signer.ts'
import type { Contender, Prepared } from './contender.ts'
import { openD1File } from './d1-file.ts'

const memberstack = { appId, secretKey }

/** A member, whose session is in a file of D1. */
async function signIn(file: string): Promise<{ readonly perennial: Perennial; readonly token: string }> {
  const store = createD1Store(openD1File(file))
  const perennial = await createPerennial({ store, secret, memberstack, httpClient: inProcessMemberstack })
  const request = new Request('https://worker.example/v1/auth/session', {
    method: 'POST',
    headers: { authorization: `Bearer ${createSigner('RS256', 'bench').sign(memberClaims(0))}` },
  })
  const handle = createFetchHandler(perennial, { clientAddress: () => '192.0.2.1' })
  const answer: { readonly accessToken: string } = await (await handle(request)).json()
  return { perennial, token: answer.accessToken }
}

const member = `${memberId(0)}@example.com`

/** An API beside the service: it has the key set only. */
export const verifierContender: Contender = {
  name: 'Perennial, `createVerifier`',
  program: `
import { createVerifier } from '@perennial/auth/verifier'
export async function verify(token, { jwksUri, appId }) {
  const verifier = createVerifier({ jwksUri, appId })
  const { user } = await verifier.authenticate({ authorization: \`Bearer \${token}\` })
  return user.email
}
export default { fetch: () => new Response() }`,
  async prepare(folder): Promise<Prepared> {
    const { perennial, token } = await signIn(join(folder, 'verifier.db'))
    const keys = await perennial.readJwks()
    await perennial.close()
    const server = await serveJson(() => ({ status: 200, body: keys }))
    return { token, world: { jwksUri: server.url, appId }, member, close: async () => server.close() }
  },
}

/** The whole library: sign-ins, refreshes and members. Its D1 is a file, so that no network is measured. */
export const libraryContender: Contender = {
  name: 'Perennial, all of it on D1',
  program: `
import { createPerennial } from '@perennial/auth'
import { createD1Store } from '@perennial/auth/d1'
import { authenticate, createFetchHandler } from '@perennial/auth/fetch'
export async function verify(token, { appId, secretKey, secret }, database) {
  const perennial = await createPerennial({ store: createD1Store(database), secret, memberstack: { appId, secretKey } })
  const request = new Request('https://worker.example/me', { headers: { authorization: \`Bearer \${token}\` } })
  const found = await authenticate(perennial, request)
  return found.user.email
}
export default { fetch: createFetchHandler }`,
  async prepare(folder): Promise<Prepared> {
    const database = join(folder, 'library.db')
    const { perennial, token } = await signIn(database)
    return { token, world: { appId, secretKey, secret, database }, member, close: () => perennial.close() }
  },
}
