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
    if (shown === undefined || shown === known) sessionStorage.removeItem('loaded-again-for')
    else if (sessionStorage.getItem('loaded-again-for') !== known) {
      // Once for a member: the server may know better.
      sessionStorage.setItem('loaded-again-for', known)
      location.reload()
    }
  })
}
