import { serviceNow, timeOfDay } from './clock.js'

/**
 * Returns the element with this id.
 * @throws Error if there is none
 */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (!element) throw new Error(`the page has no #${id}`)
  return element
}

/** Sets the text of an element, if it differs. */
export function setText(id: string, text: string): void {
  const element = byId(id)
  if (element.textContent !== text) element.textContent = text
}

/** Enables or disables a button; does nothing if the page has none with this id. */
export function setEnabled(id: string, isEnabled: boolean): void {
  const button = document.getElementById(id)
  if (button instanceof HTMLButtonElement) button.disabled = !isEnabled
}

/** Marks a switch as on or off. */
export function setPressed(id: string, isPressed: boolean): void {
  document.getElementById(id)?.setAttribute('aria-pressed', String(isPressed))
}

/** Formats seconds as `59:07`. */
export function minutes(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}

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
