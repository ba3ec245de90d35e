import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFetchHandler } from '../src/adapters/fetch.js'
import { createPages } from '../src/adapters/pages.js'
import { createPerennial } from '../src/compose/create-perennial.js'
import { sharedSecret } from './kit/instances.js'
import { PageBrowser } from './kit/page-browser.js'
import { hasPostgres, postgresStartMs, startPostgres } from './kit/postgres.js'
import { createRecorder } from './kit/recorder.js'
import { hasRedis, startRedis } from './kit/redis.js'

/** Rounds of fifty parallel requests. `npm run test:long` makes 200 of them. */
const rounds = process.env['PERENNIAL_LONG'] ? 200 : 5

interface StartedStore {
  readonly url: string
  remove(): unknown
}

async function startFile(): Promise<StartedStore> {
  const folder = mkdtempSync(join(tmpdir(), 'perennial-pages-'))
  return { url: `sqlite:${join(folder, 'perennial.db')}`, remove: () => rmSync(folder, { recursive: true }) }
}

async function startRedisStore(): Promise<StartedStore> {
  const server = await startRedis()
  return { url: `redis://127.0.0.1:${server.port}`, remove: () => server.remove() }
}

const stores = [
  { name: 'SQLite', isInstalled: true, start: startFile },
  { name: 'Redis', isInstalled: hasRedis(), start: startRedisStore },
  { name: 'Postgres', isInstalled: hasPostgres(), start: () => startPostgres() },
]

/** Starts a site on this many instances, whose clock the test moves. */
async function startSite(emulator: Emulator, store: string, instances: number) {
  const { appId, secretKey, adminUrl, issuer } = emulator
  const time = { now: Date.now() / 1000 }
  const recorder = createRecorder()
  const options = {
    store,
    secret: sharedSecret,
    memberstack: { appId, secretKey, adminUrl, issuer },
    refreshTokenTransport: 'cookie',
    pages: true,
    clock: () => time.now,
    telemetry: recorder,
    rateLimits: { sessionPerMinute: 1e6, ipTotalPerMinute: 1e6 },
  } as const
  const all = await Promise.all(Array.from({ length: instances }, () => createPerennial(options)))
  const sites = all.map((perennial) => createPages(perennial, { clientAddress: () => '192.0.2.1' }))
  const [first] = all
  if (!first) throw new Error('no instance')
  return {
    time,
    recorder,
    api: createFetchHandler(first, { clientAddress: () => '192.0.2.1' }),
    async render(request: Request, instance: number): Promise<Response> {
      const pages = sites[instance % sites.length]
      if (!pages) throw new Error('no instance')
      return await pages.handle(request, async (renewed) => Response.json(await pages.memberOf(renewed)))
    },
    close: async () => void (await Promise.all(all.map((perennial) => perennial.close()))),
  }
}

const cases = stores.flatMap((store) => [1, 3].map((instances) => ({ ...store, instances })))

for (const { name, isInstalled, start, instances } of cases) {
  describe.runIf(isInstalled)(
    `fifty pages at once with an old cookie: ${name}, ${instances} ${instances === 1 ? 'instance' : 'instances'}`,
    () => {
      let store: StartedStore
      let emulator: Emulator
      let site: Awaited<ReturnType<typeof startSite>>
      beforeAll(async () => {
        ;[store, emulator] = await Promise.all([start(), startEmulator({ adminRequestsPerSecond: 1e6 })])
        site = await startSite(emulator, store.url, instances)
      }, postgresStartMs)
      afterAll(async () => {
        await site.close()
        await emulator.close()
        await store.remove()
      })

      it('are all the member, by one rotation', { timeout: 600_000 }, async () => {
        const browser = new PageBrowser()
        const { accessToken } = await emulator.issueTokens()
        browser.take(await site.api(browser.signInRequest(accessToken)))
        for (let round = 0; round < rounds; round++) {
          site.time.now += 4000
          const requests = Array.from({ length: 50 }, () => browser.request('/'))
          const answers = await Promise.all(requests.map((request, at) => site.render(request, at)))
          for (const answer of answers) expect(await answer.json()).toMatchObject({ userId: 'mem_ada' })
          const successors = new Set(answers.map(({ headers }) => headers.getSetCookie()[0]))
          expect(successors.size).toBe(1)
          for (const answer of answers) browser.take(answer)
        }
        const how = site.recorder.events.flatMap((event) => ('how' in event ? [event.how] : []))
        expect(how.filter((word) => word === 'rotated')).toHaveLength(rounds)
        expect(site.recorder.events.map(({ event }) => event)).not.toContain('session_reuse_detected')
      })
    },
  )
}
