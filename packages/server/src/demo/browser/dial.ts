import { pageNow } from './actions.js'
import { clockErrorSeconds, serviceNow, timeOfDay } from './clock.js'
import { byId, minutes, setText } from './page.js'
import type { DemoSession, Token } from './session.js'

/** The `pathLength` of the circles. */
const round = 1000

/** Draws the age of the token. */
export function drawDial({ token, session: { state }, renewed }: DemoSession): void {
  const signedIn = token !== null && state.status === 'signed-in'
  byId('session').classList.toggle('empty', !signedIn)
  setText('count-own', String(renewed.own))
  setText('count-other', String(renewed.other))
  const wrongHours = clockErrorSeconds() / 3600
  setText('page-clock', `${timeOfDay(pageNow())}${wrongHours ? `, ${wrongHours} h ahead` : ''}`)
  byId('page-clock').classList.toggle('wrong', wrongHours !== 0)
  if (signedIn) drawToken(token)
  else drawNothing()
}

function drawToken({ issuedAt, expiresAt, roles }: Token): void {
  const life = Math.round(expiresAt - issuedAt)
  const soon = Math.floor(Math.min(300, life / 2))
  // Every time on the page comes from this whole number, so that they add up.
  const left = Math.min(life, Math.max(0, Math.ceil(expiresAt - serviceNow())))
  byId('dial-left').setAttribute('stroke-dasharray', arc(Math.min(1, left / life)))
  byId('dial-soon').setAttribute('stroke-dasharray', arc(soon / life))
  byId('session').classList.toggle('soon', left <= soon)
  setText('time-left', minutes(left))
  setText('time-note', left <= soon ? 'expiring soon' : `renews itself in ${minutes(left - soon)}`)
  setText('age', `${minutes(life - left)} of ${minutes(life)}`)
  setText('roles', roles.join(' and '))
}

function drawNothing(): void {
  byId('dial-left').setAttribute('stroke-dasharray', arc(0))
  byId('dial-soon').setAttribute('stroke-dasharray', arc(0))
  byId('session').classList.remove('soon')
  setText('time-left', '–:––')
  setText('time-note', 'signed out')
  setText('age', '–')
  setText('roles', '–')
}

/** Returns the dash pattern of the last part of a circle that begins at the top. */
function arc(part: number): string {
  return `0 ${round * (1 - part)} ${round * part} 0`
}
