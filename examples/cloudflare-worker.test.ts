import { fileURLToPath } from 'node:url'
import { startEmulator } from '@perennial/emulator'
import { build } from 'esbuild'
import { describe, expect, it, onTestFinished } from 'vitest'
import { hasWorkerd, startWorkerd } from '../packages/auth/test/kit/workerd.js'

const secret = Buffer.alloc(32, 7).toString('base64')

/** Bundles the Worker as wrangler does, with the built library. */
async function bundleWorker(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('cloudflare-worker/src/worker.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*'],
    tsconfigRaw: {},
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}

async function startWorker() {
  const emulator = await startEmulator()
  onTestFinished(() => emulator.close())
  const worker = await startWorkerd({
    modules: true,
    script: await bundleWorker(),
    d1Databases: ['DB'],
    bindings: {
      PERENNIAL_SECRET: secret,
      MEMBERSTACK_APP_ID: emulator.appId,
      MEMBERSTACK_SECRET_KEY: emulator.secretKey,
      MEMBERSTACK_ADMIN_URL: emulator.adminUrl,
      MEMBERSTACK_ISSUER: emulator.issuer,
    },
  })
  onTestFinished(() => worker.dispose())
  return { emulator, call: createCaller(await worker.ready) }
}

function createCaller(origin: URL) {
  return async (route: string, token?: string, body?: object) => {
    const [method = 'GET', path = ''] = route.split(' ')
    const answer = await fetch(new URL(path, origin), {
      method,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    const parsed: Record<string, string> = text === '' ? {} : JSON.parse(text)
    return { status: answer.status, body: parsed }
  }
}

describe.runIf(hasWorkerd)('the Worker on D1', () => {
  it('signs in, renews, answers members, finds a thief and refuses a session that has ended', async () => {
    const { emulator, call } = await startWorker()
    const signedIn = await call('POST /v1/auth/session', (await emulator.issueTokens()).accessToken)
    expect(signedIn).toMatchObject({ status: 201 })
    const { accessToken, refreshToken } = signedIn.body
    expect(await call('GET /projects', accessToken)).toEqual({
      status: 200,
      body: { hello: 'ada@example.com' },
    })
    expect((await call('GET /projects')).body['code']).toBe('AUTH_TOKEN_MISSING')
    const refreshes = await Promise.all(
      Array.from({ length: 10 }, () => call('POST /v1/auth/refresh-token', undefined, { refreshToken })),
    )
    const successors = new Set(refreshes.map((answer) => answer.body['refreshToken']))
    expect(refreshes.map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect(successors.size).toBe(1)
    expect(await call('DELETE /v1/auth/session', accessToken)).toMatchObject({ status: 204 })
    expect((await call('GET /projects', accessToken)).body['code']).toBe('AUTH_TOKEN_REVOKED')
  }, 60_000)
})
