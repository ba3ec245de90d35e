import type { Page } from 'playwright-core'
import type { SessionOptions } from '../../src/index.js'
import { openPage } from './harness.js'
import type { PlainOptions, World } from './world.js'

declare global {
  interface Window {
    /** Makes the stand-in report a member as `@memberstack/dom` does: before it stores the JWT. Null: logged out. */
    report(jwt: string | undefined, member: unknown): void
    /** Sets or removes the JWT without a report, as another tab or origin does. */
    setJwt(jwt: string | undefined): void
    /** Makes the stand-in the page's `$memberstackDom`. */
    arrive(): void
  }
}

/** The place where the stand-in keeps its JWT: a cookie is shared by all origins (ports) of the host. */
export type JwtPlace = 'localStorage' | 'cookie'

/** How a page is opened. */
export interface Following {
  readonly jwt?: string | undefined
  readonly options?: PlainOptions
  readonly place?: JwtPlace
  /** The page's origin; by default the first one. */
  readonly url?: string
  /** The SDK loads when `arrive()` is called. */
  readonly late?: boolean
}

/** Opens a page whose session follows a stand-in for the SDK. */
export async function openFollowing(world: World, following: Following = {}): Promise<Page> {
  const page = await openPage(world.context, following.url ?? world.pages.url, world.said)
  await follow(page, world, following)
  return page
}

/** Opens the session in a page that is loaded already, or again. */
export async function follow(page: Page, world: World, following: Following = {}): Promise<void> {
  await page.waitForFunction(() => 'client' in window)
  await page.evaluate(
    ({ jwt, place, late, options }) => {
      let callback: (member: unknown) => void = () => undefined
      const read = (): string | undefined =>
        place === 'cookie'
          ? /_ms-mid=([^;]+)/.exec(document.cookie)?.[1]
          : (localStorage.getItem('_ms-mid') ?? undefined)
      window.setJwt = (jwt) => {
        if (place === 'cookie') document.cookie = `_ms-mid=${jwt ?? ''}; path=/${jwt ? '' : '; max-age=0'}`
        else if (jwt) localStorage.setItem('_ms-mid', jwt)
        else localStorage.removeItem('_ms-mid')
      }
      window.report = (jwt, member) => {
        if (!jwt) window.setJwt(undefined)
        callback(member)
        if (jwt) window.setJwt(jwt)
      }
      const memberstack = {
        getMemberCookie: read,
        onAuthChange(added: typeof callback) {
          callback = added
          return { unsubscribe: () => (callback = () => undefined) }
        },
      }
      window.arrive = () => void (window.$memberstackDom = memberstack)
      if (jwt) window.setJwt(jwt)
      window.events = []
      const given: SessionOptions = { ...options, memberstack: late ? undefined : memberstack }
      window.session = window.client.createSession(given)
      window.session.onChange((state, event) => window.events.push({ event, state }))
    },
    {
      jwt: following.jwt,
      place: following.place ?? 'localStorage',
      late: following.late ?? false,
      options: { serviceUrl: world.service.url, ...following.options },
    },
  )
}
