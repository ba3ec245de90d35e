import type { Session } from '../../packages/client/src/session.ts'
import { pageOrigin } from './globals.ts'
import { checkToken } from './rules.ts'
import { note, recordIn, type ActKind, type Scene, type Tab } from './scene.ts'
import { createJwt, members } from './service.ts'

/** Lets the page of a tab act. */
export function act(scene: Scene, place: number): void {
  const { acts, tabs } = scene
  const chosen = acts[place]
  const tab = chosen && tabs[chosen.tab]
  if (!chosen || !tab?.session) return
  chosen.left--
  note(scene, tab, chosen.kind)
  tab.underWay++
  const ended = () => {
    tab.underWay--
  }
  void ways[chosen.kind](scene, tab, tab.session).then(ended, ended)
}

const ways: Readonly<Record<ActKind, (scene: Scene, tab: Tab, session: Session) => Promise<unknown>>> = {
  refresh: async (scene, tab, session) => {
    const { userId } = session.state
    const accessToken = await session.getAccessToken({ forceRefresh: true })
    if (accessToken !== null && tab.isAlive) checkToken(scene, tab, accessToken, userId)
  },
  use: (_scene, _tab, session) => {
    const { userId } = session.state
    return session.fetch(`${pageOrigin}/api${userId === null ? '' : `?as=${userId}`}`)
  },
  'sign out': (scene, tab, session) => {
    const { sid } = recordIn(tab.view)
    if (sid !== undefined) scene.truth.signedOut.add(sid)
    const signedOut = session.signOut()
    tab.over = new Set(scene.truth.signedOut)
    return signedOut
  },
  'sign in as Ada': (scene, _tab, session) => signInAs(scene, session, members.Ada),
  'sign in as Bob': (scene, _tab, session) => signInAs(scene, session, members.Bob),
}

function signInAs({ now, truth }: Scene, session: Session, id: string): Promise<unknown> {
  truth.hasSignIn = true
  const iat = Math.floor(now)
  return session.signIn(createJwt({ id, iat, exp: iat + 86_400 }))
}
