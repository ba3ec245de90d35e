import { serviceNow, timeOfDay } from './clock.js'
import { byId, setText } from './dom.js'

/** The author of a log entry. */
export type Who = 'this tab' | 'another tab' | 'service' | 'you'

/** The style of a log entry. */
export type Tone = 'good' | 'trouble' | 'end' | 'plain'

const longest = 60

/** Adds an entry at the top. */
export function log(who: Who, text: string, tone: Tone = 'plain'): void {
  const entry = document.createElement('li')
  entry.className = tone
  const time = document.createElement('time')
  time.textContent = timeOfDay(serviceNow())
  const badge = document.createElement('b')
  badge.textContent = who
  badge.className = who.replace(' ', '-')
  const words = document.createElement('span')
  words.textContent = text
  entry.append(time, badge, words)
  const list = byId('log')
  list.prepend(entry)
  // On a phone the list is outside of the screen.
  setText('latest', `${who}: ${text}`)
  while (list.childElementCount > longest) list.lastElementChild?.remove()
}
