import { randomBytes } from 'node:crypto'
import { openStore } from '@perennial/auth'
import { sealSnapshot } from '../../packages/auth/src/members/member-snapshot.js'
import { createSecrets, decodeSecrets, type Secrets } from '../../packages/auth/src/base/secrets.js'
import { formatRefreshToken } from '../../packages/auth/src/sessions/refresh-token.js'
import { beginSession, type Session } from '../../packages/auth/src/sessions/session.js'

const atOnce = 100
const browser =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'

/** Fills a store with live sessions, as sign-ins would leave them, and answers their refresh tokens. One member in ten has two. */
export async function seedSessions(
  storeUrl: string,
  secret: string,
  count: number,
): Promise<readonly string[]> {
  const secrets = createSecrets(decodeSecrets(secret), randomBytes)
  const now = Math.floor(Date.now() / 1000)
  const store = await openStore(storeUrl, { clock: () => now })
  // Those who have two come twice, far apart: questions about one member at one time are asked once.
  const seeding = { members: Math.ceil(count / 1.1), secrets, now }
  const tokens: string[] = []
  try {
    while (tokens.length < count) {
      const size = Math.min(atOnce, count - tokens.length)
      const made = Array.from({ length: size }, (_, index) => newSession(tokens.length + index, seeding))
      const results = await Promise.all(made.map((session) => store.sessions.create(session, now)))
      if (results.some((result) => result !== 'created'))
        throw new Error('no figure from errors: not created')
      for (const { id } of made) tokens.push(formatRefreshToken(secrets, { sessionId: id, generation: 1 }))
    }
  } finally {
    await store.close()
  }
  return tokens
}

interface Seeding {
  readonly members: number
  readonly secrets: Secrets
  readonly now: number
}

function newSession(index: number, { members, secrets, now }: Seeding): Session {
  const memberId = `mem_${String(index % members).padStart(20, '0')}`
  const member = {
    userId: memberId,
    email: `${memberId}@example.com`,
    roles: ['user', 'editor', 'pln_gold'],
    customFields: { 'first-name': 'Ada', 'last-name': 'Lovelace', company: 'Analytical Engines' },
    activePlanIds: ['pln_gold'],
  }
  return beginSession({
    id: randomBytes(16).toString('base64url'),
    memberId,
    userAgent: browser,
    expiresAt: now + 1_209_600,
    sealedMember: sealSnapshot(secrets, { member, readAt: now }),
    now,
  })
}
