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
