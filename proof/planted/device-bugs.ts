import type { PlantedBug } from './planted-bug.ts'

const keys = 'packages/auth/src/sessions/device-keys.ts'
const binding = 'packages/auth/src/sessions/key-binding.ts'

/** Bugs of sessions that are bound to the key of a browser (Device Bound Session Credentials). */
export const deviceBugs: readonly PlantedBug[] = [
  {
    name: 'a challenge is good twice',
    world: 'browser key',
    file: keys,
    replace: "return (await useOnce(nonce)) ? null : 'repeated'",
    by: 'await useOnce(nonce)\n      return null',
  },
  {
    name: 'a key is registered with the challenge of a renewal',
    world: 'browser key',
    file: keys,
    replace: "if (ofSession !== sessionId || ofKey !== key) return 'claims'",
    by: "if (ofSession !== sessionId || ofKey === '') return 'claims'",
  },
  {
    name: 'the cookie of a browser binds nothing',
    world: 'browser key',
    file: binding,
    replace: 'if (jkt === undefined || session.jkt !== null || session.endedAt !== null) return session',
    by: 'return session',
  },
  {
    name: 'the cookie of a browser counts for ever',
    world: 'browser key, its cookie ends',
    file: keys,
    replace: "parts === null ? 'signature' : clock() >= Number(end) ? 'expired' : null",
    by: "parts === null ? 'signature' : clock() >= 2 * Number(end) ? 'expired' : null",
  },
  {
    name: 'the cookie of a browser ends at the service when it ends in the browser',
    world: 'browser key, its cookie ends',
    file: keys,
    replace: 'endOf(clock, shownSeconds + lateSeconds)',
    by: 'endOf(clock, shownSeconds - lateSeconds)',
  },
  {
    name: 'a browser that could not renew is served',
    world: 'browser key',
    file: 'packages/auth/src/http/device-routes.ts',
    replace: 'if ((await shown?.use(jkt, sessionId)) === null) return null',
    by: 'if ((await shown?.use(jkt, sessionId)) !== undefined || sessionId !== undefined) return null',
  },
  {
    name: 'a request that left before the browser had its cookie is refused for want of it',
    world: 'browser key, two tabs',
    file: binding,
    replace: 'if (jkt !== null && keyInCookie && clock() < createdAt + challengeSeconds + lateSeconds)',
    by: 'if (jkt !== null && keyInCookie && clock() < createdAt)',
  },
  {
    name: 'a session that is bound during a refresh is rotated without the key',
    world: 'browser key, rotation',
    file: 'packages/auth/src/refresh/session-source.ts',
    replace: "if (session.jkt !== read.jkt) throw failure('sessionContended')",
    by: 'void read',
  },
]
