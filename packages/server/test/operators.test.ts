import { join } from 'node:path'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  call,
  claimsOf,
  exchange,
  me,
  pairOf,
  refresh,
  verdict,
  type Answer,
  type Pair,
} from './kit/auth-calls.js'
import { runInProcess } from './kit/command.js'
import { makeFolder, startProcess, type ServiceProcess } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'

let folder: ReturnType<typeof makeFolder>
let emulator: Emulator
let processes: readonly ServiceProcess[] = []
let urls: readonly [string, string]
let env: Record<string, string>
const [key, olderKey] = [newSecret(), newSecret()]

beforeAll(async () => {
  folder = makeFolder()
  emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
  env = {
    ...settingsFor(emulator, join(folder.path, 'perennial.db')),
    PERENNIAL_SECRET: newSecret(),
    PERENNIAL_ADMIN_KEY: `${key},${olderKey}`,
    LOG_LEVEL: 'info',
  }
  processes = [startProcess(folder.path, env), startProcess(folder.path, env)]
  const [first = '', second = ''] = await Promise.all(
    processes.map(async (service) => (await service.waitFor(/Perennial listens on (http:\S+)/))[1]),
  )
  urls = [first, second]
}, 60_000)
afterAll(async () => {
  for (const { child } of processes) child.kill('SIGKILL')
  await Promise.all(processes.map((service) => service.ended()))
  await emulator.close()
  folder.remove()
})

const ada = '/v1/admin/members/mem_ada/sessions'
const everything = '/v1/admin/sessions'

async function signIn(memberId = 'mem_ada', at = 0): Promise<Pair> {
  return pairOf(await exchange(urls[at] ?? urls[0], (await emulator.issueTokens({ memberId })).accessToken))
}

function admin(
  method: string,
  path: string,
  options: { readonly json?: unknown; readonly token?: string | undefined } = {},
): Promise<Answer> {
  const { token = key, json } = options
  return call(urls[0], path, { method, ...(token === '' ? {} : { token }), json })
}

const sessions = (...args: readonly string[]) => runInProcess(['sessions', ...args], { env })
const sidOf = ({ accessToken }: Pair) => String(claimsOf(accessToken)['sid'])

/** Both services refuse the tokens of a session within 2 s. */
async function expectRefused({ accessToken, refreshToken }: Pair): Promise<void> {
  const since = performance.now()
  for (const url of urls) {
    expect(verdict(await refresh(url, refreshToken))).toEqual([401, 'AUTH_TOKEN_REFRESH_FAILED'])
    await expect
      .poll(async () => verdict(await me(url, accessToken)), { timeout: 10_000, interval: 20 })
      .toEqual([401, 'AUTH_TOKEN_REVOKED'])
  }
  expect((performance.now() - since) / 1000).toBeLessThan(2.5)
}

describe('an operator, with two services on one SQLite file', () => {
  it('lists and ends by HTTP', async () => {
    const [first, second, bob] = [await signIn(), await signIn('mem_ada', 1), await signIn('mem_bob')]
    const page = await admin('GET', `${ada}?limit=1`)
    expect(page.status).toBe(200)
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(page.body).toMatchObject({ sessions: [{ id: sidOf(second) }], next: expect.any(String) })
    const rest = await admin('GET', `${ada}?limit=1000&after=${String(page.body['next'])}`)
    expect(rest.body).toMatchObject({ sessions: [{ id: sidOf(first) }], next: null })
    for (const token of [key, olderKey]) {
      const ended = await admin('DELETE', `/v1/admin/sessions/${sidOf(first)}`, { token })
      expect(ended.status).toBe(204)
    }
    await expectRefused(first)
    expect((await admin('DELETE', ada)).body).toEqual({ ended: 1 })
    await expectRefused(second)
    expect((await admin('DELETE', ada)).body).toEqual({ ended: 0 })
    expect((await me(urls[1], bob.accessToken)).status).toBe(200)
    expect((await admin('DELETE', everything, { json: { confirm: 'all' } })).body).toEqual({ ended: 1 })
    await expectRefused(bob)
  })

  it('lists and ends by the command line, which refuses the member JWTs from before', async () => {
    const memberJwt = (await emulator.issueTokens({ issuedSecondsAgo: 2 })).accessToken
    const [first, second, bob] = [await signIn(), await signIn(), await signIn('mem_bob')]
    const listed = await sessions('list', '--member', 'mem_ada')
    expect(listed).toMatchObject({ code: 0, errors: '' })
    expect(listed.out.split('\n').map((line) => line.split(' ')[0])).toEqual([sidOf(second), sidOf(first)])
    const one = await sessions('list', '--member', 'mem_ada', '--limit', '1')
    const after = /--after (\S+)$/.exec(one.out)?.[1] ?? ''
    expect((await sessions('list', '--member', 'mem_ada', '--after', after)).out).toMatch(sidOf(first))
    expect(await sessions('end', '--session', sidOf(first))).toMatchObject({ code: 0 })
    expect(await sessions('end', '--session', sidOf(first))).toMatchObject({ code: 1 })
    await expectRefused(first)
    expect((await sessions('end', '--member', 'mem_ada')).out).toMatch(/^1 session has ended/)
    await expectRefused(second)
    expect((await sessions('end', '--all')).out).toMatch(/^1 session has ended/)
    await expectRefused(bob)
    for (const url of urls)
      expect(verdict(await exchange(url, memberJwt))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
    expect((await me(urls[1], (await signIn()).accessToken)).status).toBe(200)
  })

  it.each([
    [401, 'AUTH_TOKEN_MISSING', 'GET', ada, { token: '' }],
    [401, 'AUTH_TOKEN_INVALID', 'GET', ada, { token: newSecret() }],
    [401, 'AUTH_TOKEN_INVALID', 'DELETE', everything, { token: key.slice(1), json: { confirm: 'all' } }],
    [400, 'AUTH_REQUEST_INVALID', 'DELETE', everything, {}],
    [400, 'AUTH_REQUEST_INVALID', 'DELETE', everything, { json: { confirm: 'ALL' } }],
    [400, 'AUTH_REQUEST_INVALID', 'DELETE', everything, { json: ['all'] }],
    [413, 'AUTH_REQUEST_TOO_LARGE', 'DELETE', everything, { json: { confirm: 'x'.repeat(20_000) } }],
    [400, 'AUTH_REQUEST_INVALID', 'GET', `${ada}?limit=0`, {}],
    [400, 'AUTH_REQUEST_INVALID', 'GET', `${ada}?limit=1e1`, {}],
    [400, 'AUTH_REQUEST_INVALID', 'GET', `${ada}?limit=-1`, {}],
    [400, 'AUTH_REQUEST_INVALID', 'GET', `${ada}?after=%27%20OR%201`, {}],
    [400, 'AUTH_REQUEST_INVALID', 'GET', '/v1/admin/members/ada%40example.com/sessions', {}],
    [400, 'AUTH_REQUEST_INVALID', 'DELETE', '/v1/admin/members/ada/sessions', {}],
    [404, 'AUTH_NOT_FOUND', 'DELETE', '/v1/admin/sessions/AAAAAAAAAAAAAAAAAAAAAA', {}],
    [404, 'AUTH_NOT_FOUND', 'DELETE', '/v1/admin/sessions/..%2F', {}],
    [404, 'AUTH_NOT_FOUND', 'GET', '/v1/admin', {}],
    [404, 'AUTH_NOT_FOUND', 'GET', '/v1/admin/members/mem_ada/sessions/more', {}],
    [405, 'AUTH_METHOD_NOT_ALLOWED', 'POST', ada, {}],
    [405, 'AUTH_METHOD_NOT_ALLOWED', 'GET', everything, {}],
  ] as const)('is refused with %i %s: %s %s', async (status, code, method, path, options) => {
    expect(verdict(await admin(method, path, options))).toEqual([status, code])
  })

  it('never finds a key in the log', async () => {
    await admin('GET', ada, { token: `${key}x` })
    for (const service of processes)
      for (const one of [key, olderKey]) expect(service.output()).not.toContain(one)
  })

  it.each([
    ['list'],
    ['list', '--member'],
    ['list', '--all'],
    ['list', '--member', 'mem_ada', '--limit', 'many'],
    ['end'],
    ['end', '--all', '--member', 'mem_ada'],
    ['end', '--everything'],
    ['remove', '--all'],
  ])('gets the usage for sessions %s %s %s', async (...args) => {
    const { code, out, errors } = await sessions(...args)
    expect([code, out]).toEqual([2, ''])
    expect(errors).toContain('perennial sessions end')
  })

  it('learns in one line why a store cannot be used', async () => {
    const run = (change: Record<string, string>) =>
      runInProcess(['sessions', 'end', '--all'], { env: { ...env, ...change } })
    expect(await run({ STORE_URL: 'memory:' })).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/^STORE_URL=memory:.*$/),
    })
    const missing = join(folder.path, 'none.db')
    expect(await run({ STORE_URL: `sqlite:${missing}` })).toMatchObject({
      code: 1,
      errors: expect.stringContaining('There is no store'),
    })
    expect(await run({ PERENNIAL_SECRET: newSecret() })).toMatchObject({
      code: 1,
      errors: expect.stringContaining('PERENNIAL_SECRET'),
    })
    expect(await sessions('list', '--member', 'ada@example.com')).toMatchObject({ code: 1, out: '' })
  })
})
