import type { Session } from '@perennial/client'

/**
 * Loads the page again when it was rendered for another member than the session has, or for none: after a sign-in, a sign-out or a
 * switch, in any tab. That also empties the cache of the router, so that no page of the earlier member is shown by Back.
 */
export function followMember(session: Session): () => void {
  // Static pages do not say for whom they are. There the member that the session had before counts.
  let known: string | undefined
  return session.onChange(() => {
    const { status, userId } = session.state
    if (status === 'loading') return
    const shown = document.querySelector<HTMLElement>('[data-member]')?.dataset['member'] ?? known
    known = userId ?? ''
    if (shown === undefined || shown === known) sessionStorage.removeItem('loaded-again')
    else loadAgain(known)
  })
}

const mostLoads = 4

/**
 * Loads the page again, at once and then a second apart. The first time can be too early: another tab says that it signs out before
 * the service has taken the cookies away. After the last one the server knows better.
 */
function loadAgain(memberId: string): void {
  const [before, count] = (sessionStorage.getItem('loaded-again') ?? '').split(' ')
  const loads = before === memberId ? Number(count ?? 0) : 0
  if (loads === mostLoads) return
  sessionStorage.setItem('loaded-again', `${memberId} ${loads + 1}`)
  setTimeout(() => location.reload(), loads === 0 ? 0 : 1000)
}
