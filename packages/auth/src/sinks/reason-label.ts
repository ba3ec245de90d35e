import { reasons } from '../base/reasons.js'

/**
 * Returns the label that a reason is counted under: the reason itself if it is a word of the list, `status_5xx` and the
 * like for a status, and `other` for everything else. So no mistake can make labels without end, or put an id into one.
 */
export function reasonLabel(reason: string | undefined): string {
  if (reason === undefined) return 'none'
  const word = reason.replaceAll('-', '_')
  if (reasons.has(word)) return word
  const status = /^status_([1-5])\d\d$/.exec(reason)
  return status ? `status_${status[1]}xx` : 'other'
}
