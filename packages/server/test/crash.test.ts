import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { call, claimsOf, me, pairOf, refresh, type Answer } from './kit/auth-calls.js'
import {
  createPlace,
  generationOf,
  persist,
  signIn,
  type HonestClient,
  type Place,
} from './kit/honest-client.js'
import { createRandom } from './kit/chance.js'
import { makeFolder, startProcess, type ServiceProcess } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'

const kills = process.env['PERENNIAL_LONG'] ? 50 : 6
const clients = 16
const seed = Number(process.env['PERENNIAL_SEED'] ?? 20_251)

let folder: ReturnType<typeof makeFolder>
let emulator: Emulator
let running: ServiceProcess | undefined
let place: Place
beforeEach(async () => {
  place = createPlace()
  folder = makeFolder()
  emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
})
afterEach(async () => {
  // Clients left over by a failure wait instead of asking forever.
  place.isDown()
  running?.child.kill('SIGKILL')
  await running?.ended()
  await emulator.close()
  folder.remove()
})

/** The moment of the crash, picked by the seed. */
const moment = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

// Clients notice the crash before this process does; they ask again once something has changed.
const pause = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Reads the generations that the dead process left, from a copy, so that the next start sees the files unchanged. */
function readGenerations(storePath: string): ReadonlyMap<string, { generation: number; ended: boolean }> {
  const copy = join(folder.path, 'copy.db')
  copyFileSync(storePath, copy)
  if (existsSync(`${storePath}-wal`)) copyFileSync(`${storePath}-wal`, `${copy}-wal`)
  const database = new DatabaseSync(copy)
  try {
    const rows = database.prepare('SELECT id, generation, ended_at FROM sessions').all()
    return new Map(
      rows.map((row) => [
        String(row['id']),
        { generation: Number(row['generation']), ended: row['ended_at'] !== null },
      ]),
    )
  } finally {
    database.close()
  }
}

describe('a service that is killed at random moments under load', () => {
  it(
    `loses no session: every client that retries with the token it holds goes on (${kills} kills)`,
    { timeout: kills * 15_000 + 60_000 },
    async () => {
      const random = createRandom(seed)
      const storePath = join(folder.path, 'perennial.db')
      const env = {
        ...settingsFor(emulator, storePath),
        PERENNIAL_SECRET: newSecret(),
        // Without a grace, only confirmation keeps honest clients signed in.
        REFRESH_GRACE_SECONDS: '0',
      }
      const start = async (): Promise<ServiceProcess> => {
        const service = startProcess(folder.path, env)
        running = service
        const [, url = ''] = await service.waitFor(/Perennial listens on (http:\S+)/)
        place.isUp(url)
        return service
      }
      const kill = async (service: ServiceProcess) => {
        service.child.kill('SIGKILL')
        await service.ended()
      }

      let service = await start()
      const all = await Promise.all(
        Array.from({ length: clients }, () => signIn(emulator, () => place.url(), pause)),
      )

      const stop = new AbortController()
      let onAnswer = () => {}
      const refusals: string[] = []
      const askFor = (client: HonestClient, ask: (url: string) => Promise<Answer>) =>
        persist(client, async () => ask(await place.url()), pause)
      const live = async (client: HonestClient) => {
        while (!stop.signal.aborted) {
          const answer = await askFor(client, (url) => refresh(url, client.pair.refreshToken))
          if (answer.status !== 200) {
            refusals.push(`refresh ${answer.status} ${answer.text}`)
            return
          }
          client.pair = pairOf(answer)
          client.refreshes += 1
          onAnswer()
          if (random() < 0.5) continue
          const who = await askFor(client, (url) => me(url, client.pair.accessToken))
          if (who.status !== 200) {
            refusals.push(`me ${who.status} ${who.text}`)
            return
          }
        }
      }
      const lives = all.map(live)

      let answersLost = 0
      for (let crash = 0; crash < kills; crash += 1) {
        let left = 1 + Math.floor(random() * 40)
        await new Promise<void>((resolve) => {
          onAnswer = () => {
            left -= 1
            if (left <= 0 || refusals.length > 0) resolve()
          }
          if (refusals.length > 0) resolve()
        })
        await moment(random() * 8)
        place.isDown()
        await kill(service)
        const stored = readGenerations(storePath)
        for (const { pair } of all) {
          const session = stored.get(String(claimsOf(pair.accessToken)['sid']))
          const ahead = (session?.generation ?? 0) - generationOf(pair.refreshToken)
          expect(session?.ended).toBe(false)
          expect([0, 1]).toContain(ahead)
          answersLost += ahead
        }
        // Sometimes it is killed again before it listens.
        if (random() < 0.25) {
          const early = startProcess(folder.path, env)
          running = early
          await moment(random() * 500)
          await kill(early)
        }
        service = await start()
      }
      stop.abort()
      await Promise.all(lives)
      expect(refusals).toEqual([])

      const url = await place.url()
      for (const client of all) {
        const answer = await askFor(client, () => refresh(url, client.pair.refreshToken))
        expect(answer.status).toBe(200)
        expect((await me(url, pairOf(answer).accessToken)).status).toBe(200)
        expect(client.refreshes).toBeGreaterThan(0)
      }
      const listed = await call(url, '/v1/auth/sessions', { token: all[0]?.pair.accessToken ?? '' })
      expect(listed.body['sessions']).toHaveLength(clients)
      const sum = (of: (client: HonestClient) => number) =>
        all.reduce((total, client) => total + of(client), 0)
      process.stdout.write(
        `seed ${seed}: ${kills} kills, ${clients} clients, ${sum((client) => client.refreshes)} refreshes, ` +
          `${sum((client) => client.unanswered)} calls unanswered, ` +
          `${answersLost} rotations stored whose answer was lost, 0 sessions lost\n`,
      )
    },
  )
})
