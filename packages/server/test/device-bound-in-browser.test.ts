import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { hasOpenssl } from '../../auth/test/kit/tls-certificates.js'
import { chromiumPath, hasChromium } from '../../client/test/browser/harness.js'
import { startDemoWorld, type DemoWorld } from './kit/demo-world.js'
import { startHttpsFront, type HttpsFront } from './kit/https-front.js'
import { makeFolder } from './kit/service-process.js'

const longCookie = '__Host-perennial'
/** The names of the short cookies begin with it. */
const boundCookie = '__Host-perennial-bound-'

/** Keys in software: this machine has no TPM. Without a token of an origin trial, Chromium registers only if it asks for none. */
const withKeys =
  '--enable-features=DeviceBoundSessions:RequireOriginTrialTokens/false,EnableBoundSessionCredentialsSoftwareKeysForManualTesting'

describe.runIf(hasChromium() && hasOpenssl())('a service with DBSC=on, in Chromium', () => {
  const folder = makeFolder()
  let world: DemoWorld
  let front: HttpsFront
  const browsers: Browser[] = []

  beforeAll(async () => {
    world = await startDemoWorld({ REFRESH_TOKEN_TRANSPORT: 'cookie', DBSC: 'on' })
    front = await startHttpsFront(world.url, folder.path)
  }, 60_000)
  afterEach(async () => {
    for (const browser of browsers.splice(0)) await browser.close()
  })
  afterAll(async () => {
    await front.close()
    await world.close()
    folder.remove()
  })

  const open = async (...features: readonly string[]): Promise<Page> => {
    const browser = await chromium.launch({
      executablePath: chromiumPath,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
        // An error of the certificate that is ignored counts as one: there would be no registration.
        `--ignore-certificate-errors-spki-list=${front.keyHash}`,
        ...features,
      ],
    })
    browsers.push(browser)
    const page = await (await browser.newContext()).newPage()
    await page.goto(`${front.url}/blank`)
    return page
  }
  const call = (page: Page, method: string, path: string, authorization = '') =>
    page.evaluate(
      async ({ method, path, authorization }) => {
        const headers = { 'x-csrf': '1', ...(authorization !== '' && { authorization }) }
        return (await fetch(path, { method, headers })).status
      },
      { method, path: `/v1/auth${path}`, authorization },
    )
  const signIn = async (page: Page, name = 'ada') => {
    const headers = { origin: world.url }
    const answer = await fetch(`${world.url}/demo/sign-in/${name}`, { method: 'POST', headers })
    const { memberJwt }: { memberJwt: string } = JSON.parse(await answer.text())
    expect(await call(page, 'POST', '/session', `Bearer ${memberJwt}`)).toBe(201)
  }
  const refresh = (page: Page) => call(page, 'POST', '/refresh-token')
  const jarOf = async (context: BrowserContext) =>
    Object.fromEntries((await context.cookies(front.url)).map(({ name, value }) => [name, value]))
  /** Presents copied cookies, as a program does. */
  const refreshWith = async (jar: Readonly<Record<string, string>>) => {
    const cookie = Object.entries(jar)
      .map(([name, value]) => `${name}=${value}`)
      .join('; ')
    const headers = { cookie, 'x-csrf': '1', origin: world.url }
    const answer = await fetch(`${world.url}/v1/auth/refresh-token`, { method: 'POST', headers })
    const { code }: { code?: string } = JSON.parse(await answer.text())
    return { status: answer.status, code }
  }
  const own = () => front.passed.filter(({ route }) => route.includes('/dbsc/'))
  const seen = (from: number) =>
    own()
      .slice(from)
      .map(({ route, status }) => `${route} ${status}`)

  it('binds the session to a key, renews the cookie, and is worth nothing to who copied the cookies', async () => {
    const page = await open(withKeys)
    const from = own().length
    await signIn(page)
    await expect
      .poll(async () => Object.keys(await jarOf(page.context())).sort(), { timeout: 20_000, interval: 20 })
      .toEqual([longCookie, expect.stringMatching(/^__Host-perennial-bound-[\w-]{8}$/)])
    expect(seen(from)).toEqual(['POST /v1/auth/dbsc/register 200'])
    expect(await refresh(page)).toBe(200)

    const copied = await jarOf(page.context())
    const { [longCookie]: long = '', ...short } = copied
    const [shortCookie = ''] = Object.keys(short)
    const onlyLong = { [longCookie]: long }
    // For three minutes such a request may be one that left the browser before it had the other cookie. It gets no tokens either.
    expect(await refreshWith(onlyLong)).toEqual({ status: 503, code: 'AUTH_TOKEN_REFRESH_FAILED' })
    world.pass(661)
    for (const jar of [onlyLong, copied])
      expect(await refreshWith(jar)).toEqual({ status: 401, code: 'AUTH_PROOF_INVALID' })

    // The browser drops the cookie after 600 s of its own clock, and renews it by itself before the next request.
    await page.context().clearCookies({ name: shortCookie })
    expect(await refresh(page)).toBe(200)
    expect(seen(from + 1)).toEqual(['POST /v1/auth/dbsc/refresh 403', 'POST /v1/auth/dbsc/refresh 200'])
    expect((await jarOf(page.context()))[shortCookie]).not.toBe(copied[shortCookie])
    expect(await refreshWith(copied)).toEqual({ status: 401, code: 'AUTH_PROOF_INVALID' })

    // The session ends: so does that of the browser.
    const before = own().length
    expect(await call(page, 'DELETE', '/session')).toBe(204)
    for (let turn = 0; turn < 2; turn++) expect(await refresh(page)).toBe(204)
    expect(seen(before)).toEqual(['POST /v1/auth/dbsc/refresh 200'])
    expect(await jarOf(page.context())).toEqual({})
  }, 60_000)

  it('keeps a member whose session began while the answer to a renewal of the one before was on its way', async () => {
    const page = await open(withKeys)
    const context = page.context()
    const count = (route: string) => seen(0).filter((one) => one === route).length
    const registrations = () => count('POST /v1/auth/dbsc/register 200')
    const signInBound = async (name: string) => {
      const before = registrations()
      await signIn(page, name)
      await expect.poll(registrations, { interval: 20 }).toBe(before + 1)
      await expect.poll(() => refresh(page), { interval: 20 }).toBe(200)
    }
    const shortCookies = async () =>
      (await context.cookies(front.url)).filter(({ name }) => name.startsWith(boundCookie))
    await signInBound('ada')
    const [ofAda] = await shortCookies()
    if (!ofAda) throw new Error('no short cookie')
    // The browser renews a cookie that ends soon, and holds up no request for that.
    const soon = Math.floor(Date.now() / 1000) + 60
    const held = front.hold('POST /v1/auth/dbsc/refresh', 200)
    await context.addCookies([{ ...ofAda, expires: soon }])
    expect(await refresh(page)).toBe(200)
    await held.given
    await signInBound('bob')
    held.release()
    const [session = ''] = ofAda.value.split('.')
    const isRenewed = async () =>
      (await shortCookies()).some(({ value, expires }) => value.startsWith(session) && expires > soon)
    await expect.poll(isRenewed, { interval: 20 }).toBe(true)
    // From now on a request without the key of its session is refused.
    world.pass(181)
    const from = own().length
    expect(await refresh(page)).toBe(200)
    expect(await call(page, 'DELETE', '/session')).toBe(204)
    expect(seen(from)).toEqual([])
    await expect.poll(async () => (await context.cookies(front.url)).length).toBe(0)
  }, 60_000)

  it('changes nothing for a browser that has no keys', async () => {
    const page = await open('--disable-features=DeviceBoundSessions')
    const from = own().length
    await signIn(page)
    for (let turn = 0; turn < 2; turn++) expect(await refresh(page)).toBe(200)
    expect(Object.keys(await jarOf(page.context()))).toEqual([longCookie])
    expect(await call(page, 'DELETE', '/session')).toBe(204)
    expect(seen(from)).toEqual([])
  }, 60_000)
})
