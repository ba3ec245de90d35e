import { callApi, order, renew, renewFiftyTimes } from './actions.js'
import { clockErrorSeconds, setClockError } from './clock.js'
import { log } from './log.js'
import type { DemoSession } from './session.js'

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
    const accessToken = await demo.session.getAccessToken()
    await order('revoke', { authorization: `Bearer ${accessToken ?? ''}` })
    log('you', 'Another device ended this session. Calling the API with it:')
    await callApi(demo)
  },
}
