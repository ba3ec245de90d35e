import express from 'express'
import type { Contender, RefreshServer, Surroundings } from './servers.ts'

async function start({ upstreamUrl }: Surroundings): Promise<RefreshServer> {
  const app = express()
  let asked = 0
  // oxlint-disable-next-line oxc/no-async-endpoint-handlers -- Express 5 takes their rejections
  app.post('/v1/auth/refresh-token', express.json(), async (request, response) => {
    const url = `${upstreamUrl}/auth/refresh-token`
    const answered = await fetch(url, { method: 'POST', body: JSON.stringify(request.body) })
    const tokens: { accessToken: string; refreshToken: string } = JSON.parse(await answered.text())
    asked += 1
    response.json(asked === 5 ? { ...tokens, accessToken: ofSomebodyElse(tokens.accessToken) } : tokens)
  })
  return { app, setQuota: () => {} }
}

function ofSomebodyElse(accessToken: string): string {
  const [header, payload = '', signature] = accessToken.split('.')
  const claims: object = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const theirs = Buffer.from(JSON.stringify({ ...claims, id: 'mem_somebody' })).toString('base64url')
  return [header, theirs, signature].join('.')
}

/** A server that answers one request of many with another member: with it the bench must fail and print no figure. */
export const liars: readonly Contender[] = [{ name: 'answers another member once', mode: 'upstream', start }]
