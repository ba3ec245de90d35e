import { existsSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { expect } from 'vitest'
import type { Session, SessionEvent, SessionOptions, SessionState } from '../../src/index.js'
import type * as client from '../../src/index.js'
import type { dpop } from '../../src/dpop.js'
import { bundle, bundleDpop, bundleGlobal } from '../../build.js'
import { close, listen } from './listen.js'

/** The path of Debian's package. */
export const chromiumPath = '/usr/bin/chromium'

/** Returns true if the browser tests can run, else writes one line. @throws Error in CI if they cannot */
export function hasChromium(): boolean {
  if (existsSync(chromiumPath)) return true
  const line = `No browser tests: ${chromiumPath} is missing. Install it with: apt-get install -y chromium`
  if (process.env['CI']) throw new Error(line)
  process.stderr.write(`\n*** ${line} ***\n\n`)
  return false
}

/** The globals of test pages. */
declare global {
  interface Window {
    session: Session
    events: { event: SessionEvent; state: SessionState }[]
    client: typeof client
    dpop: typeof dpop
  }
}

/** A server of test pages, on an origin of its own. */
export interface PageServer {
  readonly url: string
  /** The number of requests for `/api…`. */
  apiCalls: number
  /** Answers `/api…`. */
  api: (request: IncomingMessage, response: ServerResponse) => void
  /** More pages: HTML by path. */
  readonly pages: Record<string, string>
  /** Headers of all pages. */
  headers: Record<string, string>
  close(): Promise<void>
}

/** Serves `/` (a page with the client as `window.client`), `/client.js`, `/perennial.global.js` and `/api`. */
export async function startPageServer(): Promise<PageServer> {
  const scripts: Record<string, string> = {
    '/client.js': await bundle('index.ts'),
    '/perennial.global.js': await bundleGlobal(),
    '/dpop.js': await bundleDpop(),
    '/page.js':
      "import * as client from '/client.js'; import { dpop } from '/dpop.js'; Object.assign(window, { client, dpop })",
  }
  const blank =
    '<!doctype html><meta charset=utf-8><title>t</title><script type=module src=/page.js></script>'
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url?.split('?')[0] ?? '/'
    if (path.startsWith('/api')) {
      pages.apiCalls++
      return pages.api(request, response)
    }
    const script = scripts[path]
    const type = script === undefined ? 'text/html' : 'text/javascript'
    response.writeHead(200, { 'Content-Type': type, ...pages.headers })
    response.end(script ?? pages.pages[path] ?? blank)
  }
  const server = createServer(handle)
  const pages: PageServer = {
    url: await listen(server),
    apiCalls: 0,
    api: (_request, response) => void response.writeHead(200).end('{}'),
    pages: {},
    headers: {},
    close: () => close(server),
  }
  return pages
}

/** Starts the browser without a window, and without its background requests. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath,
    // Playwright turns the back/forward cache off, but real browsers have it.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** Opens a tab. Its console messages and uncaught errors are added to `said`. */
export async function openPage(context: BrowserContext, url: string, said: string[] = []): Promise<Page> {
  const page = await context.newPage()
  page.on('console', (message) => said.push(message.text()))
  page.on('pageerror', (error) => said.push(String(error)))
  await page.goto(url)
  await page.waitForFunction(() => 'client' in window)
  return page
}

/** Opens the session of a tab as `window.session`, and records its events. */
export async function openSession(
  page: Page,
  options: Omit<SessionOptions, 'fetch' | 'memberstack' | 'proof'>,
): Promise<void> {
  await page.evaluate((options) => {
    window.events = []
    window.session = window.client.createSession(options)
    window.session.onChange((state, event) => window.events.push({ event, state }))
  }, options)
}

/** Returns the events of a tab so far. */
export function eventsOf(page: Page): Promise<SessionEvent[]> {
  return page.evaluate(() => window.events.map(({ event }) => event))
}

/** Waits until a tab has emitted an event this often. */
export async function waitForEvent(page: Page, event: SessionEvent, times = 1): Promise<void> {
  // Polled from here, because the page's own clock may be stopped.
  const emitted = async (): Promise<number> => (await eventsOf(page)).filter((name) => name === event).length
  await expect.poll(emitted, { timeout: 20_000, interval: 10 }).toBeGreaterThanOrEqual(times)
}

/** Holds the lock, so that other tabs cannot refresh. Returns the function that releases it. */
export async function holdLock(tab: Page): Promise<() => Promise<unknown>> {
  await tab.evaluate(
    () =>
      new Promise<void>((held) => {
        const hold = (): Promise<void> =>
          new Promise((resolve) => {
            document.addEventListener('let-go', () => resolve(), { once: true })
            held()
          })
        void navigator.locks.request('perennial', hold)
      }),
  )
  return () => tab.evaluate(() => document.dispatchEvent(new Event('let-go')))
}
