import { breaks, type Broken, callApi, signIn } from './actions.js'
import { clockErrorSeconds, overrideClock, serviceNow } from './clock.js'
import { copyTokens, useCopiedTokens } from './copies.js'
import { drawDial } from './dial.js'
import { byId, log, setEnabled, setPressed, setText } from './page.js'
import { type DemoSession, explainEnd, openDemoSession } from './session.js'

const broken: Broken = { isShort: false, downUntil: 0 }
/** The ids of the buttons whose action is running. */
const busy = new Set<string>()

function show(demo: DemoSession): void {
  const { state } = demo.session
  const isIn = state.status === 'signed-in'
  const words = state.stale ? 'signed in, service silent' : state.status.replace('-', ' ')
  setText('status', words)
  byId('status').dataset['status'] = state.stale ? 'stale' : state.status
  document.body.dataset['status'] = state.status
  showMember(isIn, demo.token?.email ?? '')
  const wasRefused = state.status === 'signed-out' && state.error?.status === 401
  byId('reason').hidden = !wasRefused
  setText('reason', wasRefused ? explainEnd(state) : '')
  showBreaks(isIn)
  drawDial(demo)
}

function showMember(isIn: boolean, email: string): void {
  setText('member', isIn ? email : 'nobody')
  for (const id of ['call-api', 'second-tab', 'sign-out']) byId(id).hidden = !isIn
  for (const button of document.querySelectorAll<HTMLElement>('.buttons [data-sign-in]'))
    button.hidden = !isIn || email.startsWith(`${button.dataset['signIn']}@`)
}

function showBreaks(isIn: boolean): void {
  const downSeconds = Math.ceil(broken.downUntil - serviceNow())
  for (const id of Object.keys(breaks)) setEnabled(id, isIn && !busy.has(id))
  setEnabled('copy-tokens', isIn)
  for (const id of ['outage', 'revoke', 'short-life'])
    setEnabled(id, isIn && !busy.has(id) && downSeconds <= 0)
  setText('outage', downSeconds > 0 ? `Service down: ${downSeconds} s` : 'Take the service down for 20 s')
  setPressed('wrong-clock', clockErrorSeconds() !== 0)
  setPressed('short-life', broken.isShort)
}

/** Runs an action, one run at a time under one id. */
function runOnce(id: string, run: () => Promise<void>): void {
  if (busy.has(id)) return
  busy.add(id)
  show(demo)
  run()
    .catch(() => log('service', 'That did not work. Try again in a moment.', 'end'))
    .finally(() => {
      busy.delete(id)
      show(demo)
    })
}

/** Binds an action to the button with this id, if the page has one. */
function onPress(id: string, run: () => Promise<void>): void {
  document.getElementById(id)?.addEventListener('click', () => runOnce(id, run))
}

async function readSwitches(): Promise<void> {
  const response = await fetch('/demo/state')
  if (!response.ok) return
  const state: { downSeconds: number; tokenLife: string } = await response.json()
  broken.isShort = state.tokenLife === 'minute'
  broken.downUntil = serviceNow() + state.downSeconds
}

/** Reads the switches, which another tab may have changed. Without an answer the known state stays. */
async function update(): Promise<void> {
  await readSwitches().catch(() => undefined)
  show(demo)
}

overrideClock()
const demo = openDemoSession(() => void update())
for (const button of document.querySelectorAll<HTMLElement>('[data-sign-in]'))
  button.addEventListener('click', () =>
    runOnce('sign-in', () => signIn(demo, button.dataset['signIn'] ?? '')),
  )
onPress('sign-out', () => demo.session.signOut())
onPress('call-api', () => callApi(demo))
onPress('copy-tokens', copyTokens)
onPress('use-copy', () => useCopiedTokens(demo))
for (const [id, run] of Object.entries(breaks)) onPress(id, () => run(demo, broken))
addEventListener('visibilitychange', () => void update())
await update()
setInterval(() => show(demo), 250)
