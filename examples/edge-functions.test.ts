import { cp, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  hasPostgres,
  postgresStartMs,
  startPostgres,
  type PostgresServer,
} from '../packages/auth/test/kit/postgres.js'
import { bun, deno } from '../packages/auth/test/kit/runtimes.js'
import { withInstalled } from '../scripts/installed-package.ts'
import { runExample, type RunningExample } from './run-example.js'

const library = fileURLToPath(new URL('../packages/auth', import.meta.url))
const modules = fileURLToPath(new URL('../node_modules', import.meta.url))
/** `pg` and all that it needs. */
const postgresClient = [
  'pg',
  'pg-connection-string',
  'pg-pool',
  'pg-protocol',
  'pg-types',
  'pgpass',
  'split2',
  'postgres-array',
]
const more = ['postgres-bytea', 'postgres-date', 'postgres-interval', 'pg-int8', 'xtend']

let server: PostgresServer
let emulator: Emulator
beforeAll(async () => {
  if (!hasPostgres()) return
  server = await startPostgres()
  emulator = await startEmulator()
}, postgresStartMs)
afterAll(async () => {
  await emulator?.close()
  await server?.remove()
})

/** Copies an example into a folder in which the library and `pg` are installed, and calls `work` there. */
const copied = (folder: string, work: (place: string) => Promise<void>) =>
  withInstalled(library, async (place) => {
    for (const name of [...postgresClient, ...more])
      await symlink(join(modules, name), join(place, 'node_modules', name))
    await cp(fileURLToPath(new URL(folder, import.meta.url)), join(place, 'app'), { recursive: true })
    await work(place)
  })

const environment = () => ({
  PORT: '0',
  PERENNIAL_SECRET: Buffer.alloc(32, 7).toString('base64'),
  MEMBERSTACK_APP_ID: emulator.appId,
  MEMBERSTACK_SECRET_KEY: emulator.secretKey,
  MEMBERSTACK_ADMIN_URL: emulator.adminUrl,
  MEMBERSTACK_ISSUER: emulator.issuer,
})

/** Signs a member in, renews, serves the member and ends the session. */
async function useMember(origin: string): Promise<void> {
  const call = async (route: string, token?: string, body?: object) => {
    const [method = 'GET', path = ''] = route.split(' ')
    const answer = await fetch(origin + path, {
      method,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    const parsed: Record<string, string> = text === '' ? {} : JSON.parse(text)
    return { status: answer.status, body: parsed }
  }
  const signedIn = await call('POST /v1/auth/session', (await emulator.issueTokens()).accessToken)
  expect(signedIn.status).toBe(201)
  const { refreshToken } = signedIn.body
  const refreshes = await Promise.all(
    Array.from({ length: 10 }, () => call('POST /v1/auth/refresh-token', undefined, { refreshToken })),
  )
  expect(refreshes.map(({ status }) => status)).toEqual(Array(10).fill(200))
  expect(new Set(refreshes.map(({ body }) => body['refreshToken'])).size).toBe(1)
  const accessToken = refreshes[0]?.body['accessToken']
  expect(await call('GET /projects', accessToken)).toEqual({
    status: 200,
    body: { hello: 'ada@example.com' },
  })
  expect((await call('GET /projects')).body['code']).toBe('AUTH_TOKEN_MISSING')
  expect((await call('DELETE /v1/auth/session', accessToken)).status).toBe(204)
  expect((await call('GET /projects', accessToken)).body['code']).toBe('AUTH_TOKEN_REVOKED')
}

function killAtEnd(example: RunningExample): RunningExample {
  onTestFinished(() => example.kill())
  return example
}

describe.runIf(hasPostgres())('an example on Postgres', () => {
  it.runIf(bun)('runs on Bun', { timeout: 60_000 }, () =>
    copied('bun/', async (place) => {
      const env = { ...environment(), STORE_URL: server.url }
      const command = [bun ?? '', 'run', 'app/server.ts'] as const
      const { url } = killAtEnd(await runExample(command, { cwd: place, env }))
      await useMember(url)
    }),
  )

  it.runIf(deno)('runs on Deno as a function of Supabase', { timeout: 60_000 }, () =>
    copied('supabase/supabase/functions/api/', async (place) => {
      // The packages are installed here, so that none is downloaded.
      await writeFile(join(place, 'deno.json'), '{"nodeModulesDir": "manual"}')
      await writeFile(join(place, 'package.json'), '{"type": "module"}')
      const env = {
        ...environment(),
        SUPABASE_DB_URL: server.url,
        DENO_DEPLOYMENT_ID: 'perennial',
        DENO_DIR: join(place, 'cache'),
        DENO_SERVE_ADDRESS: 'tcp:127.0.0.1:0',
      }
      const parameters = [
        'run',
        '--allow-all',
        '--no-check',
        '--config',
        'deno.json',
        'app/index.ts',
      ] as const
      const command = [deno ?? '', ...parameters] as const
      const { url } = killAtEnd(await runExample(command, { cwd: place, env }))
      await useMember(`${url}/api`)
    }),
  )
})
