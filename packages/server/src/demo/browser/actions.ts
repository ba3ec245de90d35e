import { clockErrorSeconds, serviceNow } from './clock.js'
import { log } from './log.js'
import type { DemoSession } from './session.js'

/** The client does not renew a token younger than 10 s; the service's `Date` has whole seconds. */
const youngSeconds = 11.5

/**
 * Sets one of the demo's switches.
 * @throws Error if the service refuses
 */
export async function order(path: string, headers: Record<string, string> = {}): Promise<Response> {
  const response = await fetch(`/demo/${path}`, { method: 'POST', headers })
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
export async function renew(demo: DemoSession): Promise<void> {
  await untilRenewable(demo)
  await demo.session.getAccessToken({ forceRefresh: true }).catch(() => null)
}

/** Asks for a new token fifty times at once. */
export async function renewFiftyTimes(demo: DemoSession): Promise<void> {
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
