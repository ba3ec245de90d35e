import { clockErrorSeconds, serviceNow, setClockError } from './clock.js'
import { log } from './page.js'
import type { DemoSession } from './session.js'

/** The client does not renew a token younger than 10 s; the service's `Date` has whole seconds. */
const youngSeconds = 11.5

/**
 * Sets one of the demo's switches.
 * @throws Error if the service refuses
 */
async function order(path: string): Promise<Response> {
  const response = await fetch(`/demo/${path}`, { method: 'POST' })
  if (!response.ok) throw new Error('the service refused')
  return response
}

/** Signs in as the page of a Memberstack site would: with a member JWT of Memberstack. */
export async function signIn({ session }: DemoSession, member: string): Promise<void> {
  const { memberJwt }: { memberJwt: string } = await (await order(`sign-in/${member}`)).json()
  await session.signIn(memberJwt)
}

/** Calls a route that needs an access token. */
export async function callApi({ session }: DemoSession): Promise<void> {
  const response = await session.fetch('/demo/api')
  if (!response.ok) {
    log('service', 'The API refused the call: not signed in.', 'end')
    return
  }
  const user: { email: string; roles: string[] } = await response.json()
  log('service', `The API answered: ${user.email}, ${user.roles.join(' and ')}. Verified locally.`)
}

/** Waits until the client accepts a forced renewal. */
async function untilRenewable({ token }: DemoSession): Promise<void> {
  const wait = token ? token.issuedAt + youngSeconds - serviceNow() : 0
  if (wait <= 0) return
  log('you', `A token this fresh is never renewed: asking in ${Math.ceil(wait)} s.`)
  await new Promise((resolve) => setTimeout(resolve, wait * 1000))
}

/** Renews now; a failure is reported by the session's events. */
async function renew(demo: DemoSession): Promise<void> {
  await untilRenewable(demo)
  await demo.session.getAccessToken({ forceRefresh: true }).catch(() => null)
}

/** Asks for a new token fifty times at once. */
async function renewFiftyTimes(demo: DemoSession): Promise<void> {
  await untilRenewable(demo)
  const before = demo.asked
  const callers = Array.from({ length: 50 }, () => demo.session.getAccessToken({ forceRefresh: true }))
  const tokens = await Promise.all(callers.map((caller) => caller.catch(() => null)))
  const served = tokens.filter((token) => token !== null).length
  log('you', `${served} of 50 callers got the new token; this tab made ${demo.asked - before} request.`)
}

/** Returns the time of the page's clock in seconds since the epoch. */
export function pageNow(): number {
  return serviceNow() + clockErrorSeconds()
}

/** The faults that are on, for display. */
export interface Broken {
  isShort: boolean
  /** The end of the outage by the service's clock, in seconds since the epoch. */
  downUntil: number
}

/** Causes a fault, then uses the client. */
export type Break = (demo: DemoSession, broken: Broken) => Promise<void>

const wrongSeconds = 7200

/** The time that a storage change may need to reach other tabs, in milliseconds. */
const settleMs = 400

/** The faults by the id of their buttons. */
export const breaks: Readonly<Record<string, Break>> = {
  async 'short-life'(demo, broken) {
    await order(`token-life/${broken.isShort ? 'hour' : 'minute'}`)
    broken.isShort = !broken.isShort
    log('you', broken.isShort ? 'New tokens live 60 s.' : 'New tokens live an hour again.')
    await renew(demo)
  },
  fifty: (demo) => renewFiftyTimes(demo),
  async 'lose-answer'(demo) {
    await order('lose-answer')
    log('you', 'The next answer will be lost on its way.')
    await renew(demo)
  },
  async outage(demo, broken) {
    await order('outage')
    broken.downUntil = Date.now() / 1000 - clockErrorSeconds() + 20
    log('you', 'The service is down for 20 s.', 'trouble')
    await callApi(demo)
    await renew(demo)
  },
  async 'wrong-clock'(demo) {
    const isWrong = clockErrorSeconds() !== 0
    setClockError(isWrong ? 0 : wrongSeconds)
    log('you', isWrong ? 'The clock is right again.' : 'The clock of this page is 2 h ahead.')
    await new Promise((resolve) => setTimeout(resolve, settleMs))
    await callApi(demo)
  },
  async revoke(demo) {
    const response = await demo.session.fetch('/demo/revoke', { method: 'POST' })
    if (!response.ok) throw new Error('the service refused')
    log('you', 'Another device ended this session. Calling the API with it:')
    await callApi(demo)
  },
}
