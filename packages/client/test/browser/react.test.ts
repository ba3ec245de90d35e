import { build } from 'esbuild'
import type { Page } from 'playwright-core'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { expect, it } from 'vitest'
import { createSession, type Session, type TokenPair } from '../../src/index.js'
import { useSession } from '../../src/react.js'
import { describeInBrowser, type World } from './world.js'

declare global {
  interface Window {
    /** Renders the account into `#root`, under StrictMode. */
    show(serviceUrl: string, how: 'hydrate' | 'create'): void
    /** Renders the state of the first of two sessions; `choose` gives the component another one of them. */
    showOneOfTwo(serviceUrl: string): void
    choose(place: number): void
    /** The number of subscriptions to each of the two sessions now. */
    subscribed: readonly [number, number]
    /** The texts that React has rendered, in their order. */
    rendered: string[]
    /** What React reported: a page that differs from the server's. */
    recovered: string[]
    /** Renders all again, for no reason of the session's. */
    renderAgain(): void
    /** The number of subscriptions to the session since it was created. */
    subscriptions: number
    remove(): void
  }
}

/** The component of the page, which is also rendered on the server. */
const script = `
import { createElement, StrictMode, useEffect, useState } from 'react'
import { createRoot, hydrateRoot } from 'react-dom/client'
import { createSession } from './src/index.ts'
import { useSession } from './src/react.ts'

window.rendered = []
window.recovered = []
window.subscriptions = 0

function Account({ serviceUrl }) {
  const [session] = useState(() => {
    const session = createSession({ serviceUrl })
    const { onChange } = session
    session.onChange = (listener) => { window.subscriptions++; return onChange(listener) }
    return session
  })
  const [, setTurn] = useState(0)
  // StrictMode closes the session once and subscribes to it again.
  useEffect(() => { window.session = session; return () => session.close() }, [session])
  window.renderAgain = () => setTurn((turn) => turn + 1)
  const { status, user } = useSession(session)
  window.rendered.push(status)
  return createElement('p', null, status + ' ' + (user ? user.email : ''))
}

function Chosen() {
  const [place, setPlace] = useState(0)
  window.choose = setPlace
  return createElement('p', null, useSession(two[place]).status)
}

let two
window.subscribed = [0, 0]
window.showOneOfTwo = (serviceUrl) => {
  two = [0, 1].map((place) => {
    const session = createSession({ serviceUrl })
    const { onChange } = session
    session.onChange = (listener) => {
      const unsubscribe = onChange(listener)
      window.subscribed[place]++
      return () => { window.subscribed[place]--; unsubscribe() }
    }
    return session
  })
  createRoot(document.getElementById('root')).render(createElement(Chosen))
}

window.show = (serviceUrl, how) => {
  const place = document.getElementById('root')
  const account = createElement(StrictMode, null, createElement(Account, { serviceUrl }))
  if (how === 'create') {
    const root = createRoot(place)
    root.render(account)
    window.remove = () => root.unmount()
  } else {
    const onRecoverableError = (error) => window.recovered.push(String(error))
    hydrateRoot(place, account, { onRecoverableError })
  }
}`

/** Bundles the page's script with the development build of React, which runs effects twice under StrictMode. */
async function bundleScript(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: script, resolveDir: new URL('../..', import.meta.url).pathname },
    bundle: true,
    write: false,
    format: 'iife',
    define: { 'process.env.NODE_ENV': '"development"' },
  })
  return outputFiles[0]?.text ?? ''
}

async function openReactPage(world: World, content: string): Promise<Page> {
  world.pages.pages['/react'] = `<!doctype html><meta charset=utf-8><div id=root>${content}</div>`
  const page = await world.context.newPage()
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) world.said.push(message.text())
  })
  page.on('pageerror', (error) => world.said.push(String(error)))
  await page.goto(`${world.pages.url}/react`)
  await page.addScriptTag({ content: await bundleScript() })
  return page
}

const show = (page: Page, world: World, how: 'hydrate' | 'create') =>
  page.evaluate(({ url, how }) => window.show(url, how), { url: world.service.url, how })

const signIn = (page: Page, pair: TokenPair) => page.evaluate((pair) => window.session.signIn(pair), pair)

/** Renders the hook on the server, as a framework would. */
function renderOnServer(session: Session): string {
  const Account = () => {
    const { status, user } = useSession(session)
    return createElement('p', null, `${status} ${user ? user.email : ''}`)
  }
  return renderToString(createElement(Account))
}

it('is loading on a server, since a server does not know the member of the browser', () => {
  const session = createSession({ serviceUrl: 'https://auth.example.com' })
  expect(renderOnServer(session)).toBe('<p>loading </p>')
})

describeInBrowser('useSession', (world) => {
  it('renders the member under StrictMode, which closes the session once, and follows other tabs', async () => {
    const page = await openReactPage(world, '')
    await show(page, world, 'create')
    await page.getByText('signed-out').waitFor()
    const other = await world.signedIn()
    await page.getByText('signed-in mem_ada@exämple.com').waitFor()
    await other.evaluate(() => window.session.signOut())
    await page.getByText('signed-out').waitFor()
    // A refresh by this tab: it has started again.
    await signIn(page, world.service.pair({ ageSeconds: 3500 }))
    await expect.poll(() => world.refreshes()).toBe(1)
    await page.getByText('signed-in mem_ada@exämple.com').waitFor()
  })

  it('takes up what the server rendered without a difference, then shows the member', async () => {
    await world.signedIn()
    const html = renderOnServer(createSession({ serviceUrl: world.service.url }))
    const page = await openReactPage(world, html)
    await show(page, world, 'hydrate')
    await page.getByText('signed-in mem_ada@exämple.com').waitFor()
    expect(await page.evaluate(() => window.rendered[0])).toBe('loading')
    expect(await page.evaluate(() => window.recovered)).toEqual([])
  })

  it('subscribes once a mount, however often the component renders, and not at all when it is gone', async () => {
    const page = await openReactPage(world, '')
    await show(page, world, 'create')
    await page.getByText('signed-out').waitFor()
    const before = await page.evaluate(() => window.subscriptions)
    // StrictMode mounts twice.
    expect(before).toBe(2)
    const renders = await page.evaluate(() => window.rendered.length)
    for (let turn = 0; turn < 5; turn++) {
      await page.evaluate(() => window.renderAgain())
      await expect.poll(() => page.evaluate(() => window.rendered.length)).toBeGreaterThan(renders + turn)
    }
    expect(await page.evaluate(() => window.subscriptions)).toBe(before)
    await page.evaluate(() => window.remove())
    const removed = await page.evaluate(() => window.rendered.length)
    await signIn(page, world.service.pair())
    expect(await page.evaluate(() => window.rendered.length)).toBe(removed)
  })

  it('follows the session that it is given, and no longer the one of before', async () => {
    const page = await openReactPage(world, '')
    await page.evaluate((url) => window.showOneOfTwo(url), world.service.url)
    const subscribed = () => page.evaluate(() => window.subscribed)
    await expect.poll(subscribed).toEqual([1, 0])
    await page.evaluate(() => window.choose(1))
    await expect.poll(subscribed).toEqual([0, 1])
  })
})
