import { randomBytes } from 'node:crypto'
import { openStore } from '@perennial/auth'
import { createSecrets, decodeSecrets, formatRefreshToken, sealSnapshot } from '../kit/internals.ts'
import { appId, customFields } from '../kit/members.ts'
import { addSessions, claimForBench, newSession } from '../kit/sessions.ts'

/** Fills a store with live sessions, as sign-ins would leave them, and returns their refresh tokens. */
export async function seedSessions(
  storeUrl: string,
  secret: string,
  count: number,
): Promise<readonly string[]> {
  const secrets = createSecrets(decodeSecrets(secret), { appId, randomBytes })
  const now = Math.floor(Date.now() / 1000)
  const [secretBytes] = decodeSecrets(secret)
  const store = claimForBench(await openStore(storeUrl, { clock: () => now }), secretBytes)
  // One member in ten has two sessions, far apart: the service asks once for questions about one member at one time.
  const members = Math.ceil(count / 1.1)
  const make = (index: number) => {
    const memberId = `mem_${String(index % members).padStart(20, '0')}`
    const member = {
      userId: memberId,
      email: `${memberId}@example.com`,
      roles: ['user', 'editor', 'pln_gold'],
      customFields,
      activePlanIds: ['pln_gold'],
    }
    return newSession(index, now, { memberId, sealedMember: sealSnapshot(secrets, { member, readAt: now }) })
  }
  try {
    const ids = await addSessions(store, count, now, { atOnce: 100, make })
    return ids.map((sessionId) => formatRefreshToken(secrets, { sessionId, generation: 1 }))
  } finally {
    await store.close()
  }
}
