import type { Session } from '@perennial/client'

/**
 * Loads the page again when it was rendered for another member than the session has, or for none: after a sign-in, a sign-out or a
 * switch, in any tab. So no page of the earlier member stays on the screen.
 */
export function followMember(session: Session): void {
  // Static pages do not say for whom they are. There the member that the session had before counts.
  let known: string | undefined
  let awaited: string | undefined
  const compare = (): void => {
    const { status, userId } = session.state
    if (status === 'loading') return
    const rendered = document.querySelector<HTMLElement>('[data-member]')?.dataset['member']
    const shown = rendered ?? known
    known = userId ?? ''
    const isRight = shown === undefined || shown === known
    // A part of the page that has not arrived yet may be wrong, so the loads are counted on.
    if (rendered === known) sessionStorage.removeItem('loaded-again')
    if (!isRight && awaited !== known) loadAgain(known)
    awaited = isRight ? undefined : known
  }
  // A session that ended a moment ago is signed out from the start, and does not change.
  compare()
  // What a page shows of its member can arrive after the session: by streaming, or from the cache of a router.
  const observer = new MutationObserver(compare)
  observer.observe(document, { subtree: true, childList: true, attributeFilter: ['data-member'] })
  session.onChange(compare)
}

const mostLoads = 8

/**
 * Loads the page again: at once, after one second, and then after twice the time of before. The first time can be too early: another
 * tab says that it signs out before the service has taken the cookies away. After the last one the server knows better.
 */
function loadAgain(memberId: string): void {
  const [before, count] = (sessionStorage.getItem('loaded-again') ?? '').split(' ')
  const loads = before === memberId ? Number(count ?? 0) : 0
  if (loads === mostLoads) return
  sessionStorage.setItem('loaded-again', `${memberId} ${loads + 1}`)
  setTimeout(() => location.reload(), loads === 0 ? 0 : 500 * 2 ** loads)
}
