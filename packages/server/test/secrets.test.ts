import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, it } from 'vitest'
import { call, claimsOf, exchange, me, pairOf, refresh, verdict, type Pair } from './kit/auth-calls.js'
import { newSecret, startSessionWorld, type SessionWorld } from './kit/session-world.js'

let world: SessionWorld
afterEach(() => world.close())

const url = () => world.service.url

async function signIn(): Promise<Pair> {
  return pairOf(await exchange(url(), (await world.emulator.issueTokens()).accessToken))
}

/** Reads the id of the secret that each signing key is sealed with: its first four bytes. */
function sealedBy(): string[] {
  const database = new DatabaseSync(world.storePath, { readOnly: true })
  const rows = database.prepare('SELECT sealed_private_key FROM signing_keys ORDER BY seq').all()
  database.close()
  return rows.map((row) =>
    Buffer.from(String(row['sealed_private_key']), 'base64url').subarray(0, 4).toString('hex'),
  )
}

const secretOf = (refreshToken: string): string =>
  Buffer.from(refreshToken, 'base64url').subarray(0, 4).toString('hex')

const kidsOf = async (): Promise<string[]> => {
  const { body } = await call(url(), '/.well-known/jwks.json')
  const keys = body['keys']
  if (!Array.isArray(keys)) throw new Error('no key set')
  return keys.map(({ kid }) => String(kid))
}

describe('a change of PERENNIAL_SECRET', () => {
  it('signs nobody out: old, then `old,new`, then `new,old`, then `new`', async () => {
    const [old, fresh] = [newSecret(), newSecret()] as const
    world = await startSessionWorld({ PERENNIAL_SECRET: old })
    const asleep = await signIn()
    let awake = await signIn()
    const accessTokens = [awake.accessToken]
    const kids = await kidsOf()
    const oldId = secretOf(awake.refreshToken)
    expect(sealedBy()).toEqual([oldId])

    for (const PERENNIAL_SECRET of [`${old},${fresh}`, `${fresh},${old}`, fresh]) {
      await world.restart({ PERENNIAL_SECRET })
      // Every access token handed out so far goes on, and so does the newest refresh token.
      for (const token of accessTokens) expect((await me(url(), token)).status).toBe(200)
      const answer = await refresh(url(), awake.refreshToken)
      expect(answer.status).toBe(200)
      awake = pairOf(answer)
      accessTokens.push(awake.accessToken)
      // The keys stay the same ones: services that verify offline notice nothing.
      expect(await kidsOf()).toEqual(kids)
      if (PERENNIAL_SECRET === `${old},${fresh}`) expect(secretOf(awake.refreshToken)).toBe(oldId)
      else expect(secretOf(awake.refreshToken)).not.toBe(oldId)
      if (PERENNIAL_SECRET === `${fresh},${old}`) {
        expect(sealedBy()).toEqual([secretOf(awake.refreshToken)])
        // One who slept until now still holds a token of the old secret, which is good until that is taken away.
        expect((await refresh(url(), asleep.refreshToken)).status).toBe(200)
      }
    }
    expect(sealedBy()).toEqual([secretOf(awake.refreshToken)])
    expect((await me(url(), awake.accessToken)).status).toBe(200)
  })

  it('allows a lost answer to be repeated across it, and still detects reuse', async () => {
    const [old, fresh] = [newSecret(), newSecret()] as const
    world = await startSessionWorld({ PERENNIAL_SECRET: old, REFRESH_GRACE_SECONDS: '0' })
    const first = await signIn()
    await refresh(url(), first.refreshToken)
    await world.restart({ PERENNIAL_SECRET: `${fresh},${old}` })
    const second = pairOf(await refresh(url(), first.refreshToken))
    expect(secretOf(second.refreshToken)).not.toBe(secretOf(first.refreshToken))
    const third = pairOf(await refresh(url(), second.refreshToken))
    expect(verdict(await refresh(url(), first.refreshToken))).toEqual([401, 'AUTH_TOKEN_REFRESH_FAILED'])
    expect(verdict(await me(url(), third.accessToken))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
  })

  it('without the old secret stops the start, unless it is meant: then the old tokens are invalid', async () => {
    world = await startSessionWorld()
    const before = await signIn()
    const secret = newSecret()
    await expect(world.restart({ PERENNIAL_SECRET: secret })).rejects.toThrow(
      'opens none of the signing keys',
    )
    await world.restart({ PERENNIAL_SECRET: secret, PERENNIAL_NEW_SECRET: 'sign-everyone-out' })
    expect(verdict(await refresh(url(), before.refreshToken))).toEqual([401, 'AUTH_TOKEN_REFRESH_FAILED'])
    const after = await signIn()
    expect((await me(url(), after.accessToken)).status).toBe(200)
    expect((await refresh(url(), after.refreshToken)).status).toBe(200)
    expect(claimsOf(after.accessToken)['sub']).toBe('mem_ada')
  })
})
