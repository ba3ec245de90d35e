/**
 * Started by `measure.ts` with `trace-hooks.ts` preloaded. Signs a member in through Express, refreshes the session and asks for a
 * protected route, and prints as JSON which files each request passed.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createPerennial } from '@perennial/auth'
import { authenticate, authRouter } from '@perennial/auth/express'
import { startEmulator } from '@perennial/emulator'
import express from 'express'
import type { Traces } from './measure.ts'
import { createTracer } from './tracer.ts'

interface Pair {
  readonly accessToken: string
  readonly refreshToken: string
}

async function traceRequests(store: string): Promise<Traces> {
  const emulator = await startEmulator()
  const { appId, secretKey, adminUrl, jwksUri, issuer } = emulator
  const perennial = await createPerennial({
    store,
    // As deployed: the telemetry of development writes lines for a developer.
    environment: 'production',
    secret: randomBytes(32).toString('base64'),
    memberstack: { appId, secretKey, adminUrl, jwksUri, issuer },
  })
  const tracer = createTracer()
  globalThis.perennialTrace = tracer.trace
  const app = express()
    .use(tracer.middleware)
    .use('/v1/auth', authRouter(perennial))
    .get('/protected', authenticate(perennial), (_request, response) => void response.json({}))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  try {
    const member = await emulator.issueTokens()
    return await sendRequests(`http://127.0.0.1:${address.port}`, member.accessToken, tracer.lastTrace)
  } finally {
    server.close()
    await perennial.close()
    await emulator.close()
  }
}

/** Each kind of request is sent twice; the second one counts, because the first also fills caches. */
async function sendRequests(
  origin: string,
  memberToken: string,
  lastTrace: () => readonly string[],
): Promise<Traces> {
  const signIn = await fetch(`${origin}/v1/auth/session`, { method: 'POST', headers: bearer(memberToken) })
  let pair = await pairOf(signIn)
  for (const _ of ['first', 'second']) pair = await refresh(origin, pair)
  const refreshed = lastTrace()
  for (const _ of ['first', 'second']) {
    const { status } = await fetch(`${origin}/protected`, { headers: bearer(pair.accessToken) })
    if (status !== 200) throw new Error(`the protected route answered ${status}`)
  }
  return { refresh: refreshed, authenticate: lastTrace() }
}

async function refresh(origin: string, { refreshToken }: Pair): Promise<Pair> {
  const response = await fetch(`${origin}/v1/auth/refresh-token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refreshToken }),
  })
  return pairOf(response)
}

async function pairOf(response: Response): Promise<Pair> {
  const { accessToken, refreshToken }: Partial<Pair> = await response.json()
  if (accessToken !== undefined && refreshToken !== undefined) return { accessToken, refreshToken }
  throw new Error(`${response.url} answered ${response.status} without both tokens`)
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const folder = mkdtempSync(join(tmpdir(), 'perennial-figures-'))
try {
  process.stdout.write(JSON.stringify(await traceRequests(`sqlite:${join(folder, 'perennial.db')}`)))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
