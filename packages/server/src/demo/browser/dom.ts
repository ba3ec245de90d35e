/**
 * The element with this id.
 * @throws Error when the page has none
 */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (!element) throw new Error(`the page has no #${id}`)
  return element
}

/** Shows a text, and touches nothing when it is there already. */
export function setText(id: string, text: string): void {
  const element = byId(id)
  if (element.textContent !== text) element.textContent = text
}

/** Enables or disables a button; one that is not on the page is none. */
export function setEnabled(id: string, isEnabled: boolean): void {
  const button = document.getElementById(id)
  if (button instanceof HTMLButtonElement) button.disabled = !isEnabled
}

/** Shows whether a switch is on. */
export function setPressed(id: string, isPressed: boolean): void {
  document.getElementById(id)?.setAttribute('aria-pressed', String(isPressed))
}

/** `59:07`, from seconds. */
export function minutes(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
