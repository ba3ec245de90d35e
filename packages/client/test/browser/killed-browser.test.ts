import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  chromiumPath,
  hasChromium,
  openSession,
  startPageServer,
  waitForEvent,
  type PageServer,
} from './harness.js'
import { startHonestService, type HonestService } from './honest-service.js'

const long = !!process.env['PERENNIAL_LONG']
const kills = long ? 50 : 4

/** A browser with a profile on disk, as people have it. */
interface Running {
  readonly page: Page
  /** Kills all of its processes, which then cannot write anything. */
  kill(this: void): Promise<void>
  /** Ends it in good order. */
  close(this: void): Promise<void>
}

/** Starts the browser and opens a page. The process is added to `started` at once, so that it can be ended whatever fails here. */
async function run(profile: string, url: string, started: ChildProcess[]): Promise<Running> {
  const child = spawn(
    chromiumPath,
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      'about:blank',
    ],
    // A process group of its own, so that no process of it survives.
    { detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  started.push(child)
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const browser = await chromium.connectOverCDP(await endpointOf(child))
  const page = await pageOf(browser, url)
  return {
    page,
    async kill() {
      killGroup(child)
      await ended
    },
    async close() {
      const devtools = await browser.newBrowserCDPSession()
      await devtools.send('Browser.close').catch(() => undefined)
      await ended
    },
  }
}

/** Kills the processes of a browser that are still there. */
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid) process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

async function pageOf(browser: Browser, url: string): Promise<Page> {
  const context = browser.contexts()[0]
  if (!context) throw new Error('no context')
  const page = await context.newPage()
  await page.goto(url)
  await page.waitForFunction(() => 'client' in window)
  return page
}

function endpointOf({ stderr }: ChildProcess): Promise<string> {
  let text = ''
  return new Promise((resolve, reject) => {
    stderr?.on('data', (chunk) => {
      text += chunk
      const [, endpoint] = /DevTools listening on (\S+)/.exec(text) ?? []
      if (endpoint) resolve(endpoint)
    })
    stderr?.once('end', () => reject(new Error(`the browser did not start: ${text}`)))
  })
}

/** Returns delays from a seed, in milliseconds: short ones, and some that outlast the browser's own delays. */
function delays(count: number): number[] {
  const brief = fc.integer({ min: 0, max: 2500 })
  const [values = []] = fc.sample(fc.array(brief, { minLength: count, maxLength: count }), {
    seed: 20_260_802,
    numRuns: 1,
  })
  // The browser writes cookies within 30 s. A browser that is killed over and over before that outlives any grace.
  return values.map((value, index) => (long && index % 3 === 2 ? value + 35_000 : value))
}

describe.runIf(hasChromium())('a browser that is killed', () => {
  let profile: string
  let pages: PageServer
  let service: HonestService
  const started: ChildProcess[] = []
  beforeEach(async () => {
    profile = await mkdtemp(join(tmpdir(), 'perennial-profile-'))
    pages = await startPageServer()
    service = await startHonestService()
    let calls = 0
    // Every third call is refused as revoked, so that the client refreshes, and confirms the new token by its retry.
    pages.api = (request, response) => {
      if (calls++ % 3) return service.api(request, response)
      response.writeHead(401).end('{"code":"AUTH_TOKEN_REVOKED"}')
    }
  })
  afterEach(async () => {
    for (const child of started.splice(0)) killGroup(child)
    await pages.close()
    await service.close()
    // Processes of the browser may still be ending.
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  })

  for (const storage of ['localStorage', 'cookie'] as const)
    it(
      `comes back to the same session, ${kills} times: ${storage}`,
      { timeout: long ? 3_600_000 : 600_000 },
      async () => {
        // What IndexedDB has needs no grace; a cookie is written late, and needs the service's default.
        service.graceSeconds = storage === 'cookie' ? 120 : 0
        const options = { serviceUrl: service.url, storage }
        const first = await run(profile, pages.url, started)
        await openSession(first.page, options)
        await first.page.evaluate((jwt) => window.session.signIn(jwt), service.memberJwt())
        await first.close()
        for (const delayMs of delays(kills)) {
          // Half of the token's life has passed, so that the next refresh rotates.
          service.clockOffsetSeconds += 1900
          const { page, kill } = await run(profile, pages.url, started)
          await openSession(page, options)
          if (storage === 'cookie') await waitForEvent(page, 'signed-in')
          expect(await page.evaluate(() => window.session.state.status)).toBe('signed-in')
          // Calls and refreshes until the end, which comes at any moment between them.
          await page.evaluate(() => {
            const turn = async (): Promise<void> => {
              await window.session.getAccessToken({ forceRefresh: true })
              await window.session.fetch('/api/who')
              setTimeout(() => void turn(), 20)
            }
            void turn()
          })
          await new Promise((resolve) => setTimeout(resolve, delayMs))
          expect(await page.evaluate(() => window.session.state.status)).toBe('signed-in')
          await kill()
        }
        const last = await run(profile, pages.url, started)
        await openSession(last.page, options)
        await expect
          .poll(() => last.page.evaluate(async () => (await window.session.fetch('/api/who')).status))
          .toBe(200)
        await last.close()
        const figures = { kills, rotations: service.rotations, thefts: service.thefts }
        if (long) process.stdout.write(`${storage}: ${JSON.stringify(figures)}\n`)
        expect(service.thefts).toBe(0)
        expect(service.sessions.size).toBe(1)
        // A browser that is killed before it has written its cookie gets the same successor again.
        expect(service.rotations).toBeGreaterThanOrEqual(storage === 'cookie' ? 1 : kills)
      },
    )
})
