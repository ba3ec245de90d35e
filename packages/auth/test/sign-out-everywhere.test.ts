import { describe, expect, it } from 'vitest'
import { createMemberstackApp } from './kit/memberstack-app.js'

describe.each([-4, 0, 4])('"sign out everywhere" with our clock %i s ahead', (ahead) => {
  const clock = () => Date.now() / 1000 + ahead

  it('lets the member in again at once, ten times, and refuses the JWTs from before', async () => {
    const app = await createMemberstackApp({ clock, emulator: { adminRequestsPerSecond: 1000 } })
    const { accessToken: earlier } = await app.emulator.issueTokens({ issuedSecondsAgo: 10 })
    for (let times = 0; times < 10; times++) {
      const session = await app.signIn()
      expect(session).toMatchObject({ status: 201 })
      const signedOut = await app.call('DELETE /sessions', { token: session.accessToken })
      expect(signedOut).toMatchObject({ status: 204 })
      expect(await app.call('POST /session', { token: earlier })).toMatchObject({
        status: 401,
        code: 'AUTH_TOKEN_REVOKED',
      })
    }
    expect(await app.signIn()).toMatchObject({ status: 201 })
  })
})
