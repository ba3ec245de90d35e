import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, claimsOf, exchange, me, pairOf, refresh, verdict, type Pair } from './kit/auth-calls.js'
import { makeFolder, startProcess, type ServiceProcess } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'

let folder: ReturnType<typeof makeFolder>
let emulator: Emulator
let processes: readonly ServiceProcess[] = []
let urls: readonly [string, string]
let storePath: string
beforeAll(async () => {
  folder = makeFolder()
  storePath = join(folder.path, 'perennial.db')
  emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
  const env = { ...settingsFor(emulator, storePath), PERENNIAL_SECRET: newSecret() }
  // Both at once, on a file that neither has made yet.
  processes = [startProcess(folder.path, env), startProcess(folder.path, env)]
  const [first = '', second = ''] = await Promise.all(
    processes.map(async (service) => (await service.waitFor(/Perennial listens on (http:\S+)/))[1]),
  )
  urls = [first, second]
})
afterAll(async () => {
  for (const { child } of processes) child.kill('SIGKILL')
  await Promise.all(processes.map((service) => service.ended()))
  await emulator.close()
  folder.remove()
})

async function signIn(): Promise<Pair> {
  return pairOf(await exchange(urls[0], (await emulator.issueTokens()).accessToken))
}

function readSession(sessionId: unknown) {
  const database = new DatabaseSync(storePath, { readOnly: true })
  const row = database
    .prepare('SELECT generation, ended_at FROM sessions WHERE id = ?')
    .get(String(sessionId))
  database.close()
  return { ...row }
}

describe('two services on one SQLite file', () => {
  it('publish one key set and accept each other’s tokens', async () => {
    const pair = await signIn()
    const [one, two] = await Promise.all(urls.map((url) => call(url, '/.well-known/jwks.json')))
    expect(one?.text).toBe(two?.text)
    for (const url of urls) expect((await me(url, pair.accessToken)).status).toBe(200)
  })

  it('rotate once, however the callers of one token are distributed', async () => {
    const first = await signIn()
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => refresh(urls[index % 2 === 0 ? 0 : 1], first.refreshToken)),
    )
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    const tokens = new Set(answers.map((answer) => pairOf(answer).refreshToken))
    expect(tokens.size).toBe(1)
    expect(readSession(claimsOf(first.accessToken)['sid'])).toEqual({ generation: 2, ended_at: null })
  })

  it('continue one session in turns', async () => {
    let pair = await signIn()
    for (let turn = 0; turn < 10; turn += 1) {
      const url = urls[turn % 2 === 0 ? 0 : 1]
      pair = pairOf(await refresh(url, pair.refreshToken))
      expect((await me(url, pair.accessToken)).status).toBe(200)
    }
    expect(readSession(claimsOf(pair.accessToken)['sid'])).toEqual({ generation: 11, ended_at: null })
  })

  it('never move a session back: the slower one answers with the newer generation', async () => {
    const first = await signIn()
    const memberRead = 'GET /members/:idOrEmail'
    const reads = () => emulator.calls()[memberRead] ?? 0
    const before = reads()
    emulator.setFault({ route: memberRead, delayMs: 60_000 })
    const slow = refresh(urls[0], first.refreshToken)
    await expect.poll(reads, { interval: 5 }).toBe(before + 1)
    const second = pairOf(await refresh(urls[1], first.refreshToken))
    const third = pairOf(await refresh(urls[1], second.refreshToken))
    emulator.clearFaults()
    expect(pairOf(await slow).refreshToken).toBe(third.refreshToken)
    expect(readSession(claimsOf(first.accessToken)['sid'])).toEqual({ generation: 3, ended_at: null })
    expect((await refresh(urls[0], third.refreshToken)).status).toBe(200)
  })

  it('see each other’s ended sessions within two seconds', async () => {
    const pair = await signIn()
    for (const url of urls) expect((await me(url, pair.accessToken)).status).toBe(200)
    const signOut = await call(urls[0], '/v1/auth/session', { method: 'DELETE', token: pair.accessToken })
    expect(signOut.status).toBe(204)
    const endedAt = performance.now()
    // There at once, for both what is read from the store and what is kept in memory here.
    expect(verdict(await me(urls[0], pair.accessToken))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
    expect(verdict(await refresh(urls[1], pair.refreshToken))).toEqual([401, 'AUTH_TOKEN_REFRESH_FAILED'])
    await expect
      .poll(async () => verdict(await me(urls[1], pair.accessToken)), { timeout: 10_000, interval: 20 })
      .toEqual([401, 'AUTH_TOKEN_REVOKED'])
    expect((performance.now() - endedAt) / 1000).toBeLessThan(2)
  })
})
