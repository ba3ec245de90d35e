import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createFakeTime } from '../../test/kit/fake-time.js'
import { createSecrets, type Secrets } from '../base/secrets.js'
import { beginSession } from '../sessions/index.js'
import { createSigningKeys } from '../tokens/index.js'
import { claimStore, findClaimProblem, type ClaimedStore, type ClaimOptions } from './claim-store.js'
import { openStore } from './open-store.js'
import type { Store } from './store.js'
import { storeSession } from '../../test/kit/claimed-store.js'

const directory = mkdtempSync(join(tmpdir(), 'perennial-claim-'))
afterAll(() => rmSync(directory, { recursive: true }))
const [ours, theirs] = [randomBytes(32), randomBytes(32)]
const secretsOf = (appId: string, ...secrets: Uint8Array[]): Secrets =>
  createSecrets(secrets, { appId, randomBytes })

let made = 0
const world = createFakeTime()
/** Opens a SQLite store of one file as often as it is called. */
const newStore = () => {
  const url = `sqlite:${join(directory, `${made++}.db`)}`
  return () => openStore(url, world)
}
const claimed = (store: Store, appId: string, secret: Uint8Array, more: Partial<ClaimOptions> = {}) =>
  claimStore(store, { appId, secrets: secretsOf(appId, secret), ...more })
const useFor = async (open: () => Promise<Store>, appId: string, secret: Uint8Array) => {
  const store = claimed(await open(), appId, secret)
  await store.claim()
  await startKeys(store, appId, secret)
  return store
}
const startKeys = async (store: ClaimedStore, appId: string, secret: Uint8Array) => {
  const secrets = secretsOf(appId, secret)
  await createSigningKeys({ store: store.signingKeys, secrets, clock: world.clock }).start()
}
const refusalOf = (claim: Promise<void>) =>
  claim.then(
    () => 'claimed',
    (error: unknown) => (error instanceof Error ? error.message : error),
  )
const newSession = () =>
  beginSession({
    id: randomBytes(16).toString('base64url'),
    memberId: 'mem_ada',
    userAgent: null,
    expiresAt: world.now + 1_000,
    sealedMember: null,
    now: world.now,
  })

describe('a claimed store', () => {
  it('is refused to another app in one line that names both, and to nobody else', async () => {
    const open = newStore()
    await (await useFor(open, 'app_one', ours)).close()
    const again = claimed(await open(), 'app_one', ours)
    expect(await refusalOf(again.claim())).toBe('claimed')
    const other = claimed(await open(), 'app_two', ours)
    const line = await refusalOf(other.claim())
    expect(line).toMatch(/was made for the app app_one, not for app_two/)
    expect(line).not.toContain('\n')
    await expect(other.sessions.read('x')).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    await expect(other.signingKeys.list()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    await Promise.all([again.close(), other.close()])
  })

  it('is refused to a secret that opens none of its keys, and to none that opens one', async () => {
    const open = newStore()
    await (await useFor(open, 'app_one', ours)).close()
    const wrong = claimed(await open(), 'app_one', theirs)
    const line = await refusalOf(wrong.claim())
    expect(line).toMatch(/PERENNIAL_SECRET opens none .*PERENNIAL_NEW_SECRET=sign-everyone-out/)
    expect(line).not.toContain('\n')
    const secrets = secretsOf('app_one', theirs, ours)
    const both = claimStore(await open(), { appId: 'app_one', secrets })
    expect(await refusalOf(both.claim())).toBe('claimed')
    await Promise.all([wrong.close(), both.close()])
  })

  it('takes a new secret where that is meant: old sessions are worth nothing, and the old secret is refused', async () => {
    const open = newStore()
    const before = await useFor(open, 'app_one', ours)
    const session = newSession()
    await storeSession(before.sessions, session, world.now)
    await before.close()
    const after = claimed(await open(), 'app_one', theirs, { newSecret: 'sign-everyone-out' })
    await after.claim()
    await startKeys(after, 'app_one', theirs)
    expect(await after.sessions.read(session.id)).toBeNull()
    const old = claimed(await open(), 'app_one', ours)
    expect(await refusalOf(old.claim())).toMatch(/opens none/)
    const next = claimed(await open(), 'app_one', theirs)
    expect(await refusalOf(next.claim())).toBe('claimed')
    await Promise.all([after.close(), old.close(), next.close()])
  })

  it('is judged without a write, as a start would', async () => {
    const open = newStore()
    const store = await open()
    const judge = (appId: string, secret: Uint8Array) =>
      findClaimProblem(store, { appId, secret: Buffer.from(secret).toString('base64') })
    expect(await judge('app_one', theirs)).toBeNull()
    expect(await store.owner.read()).toBeNull()
    await (await useFor(open, 'app_one', ours)).close()
    expect(await judge('app_one', ours)).toBeNull()
    expect(await judge('app_two', ours)).toMatch(/made for the app app_one/)
    expect(await judge('app_one', theirs)).toMatch(/opens none/)
    await store.close()
  })

  it('reports a row that it did not write, and each use claims first', async () => {
    const forged: string[] = []
    const raw = await newStore()()
    const store = claimed(raw, 'app_one', ours, { onForged: (id) => forged.push(id) })
    const session = newSession()
    await storeSession(store.sessions, session, world.now)
    expect(await raw.owner.read()).toBe('app_one')
    const row = await raw.sessions.read(session.id)
    if (!row) throw new Error('it was created')
    await raw.sessions.replace({ ...row, expiresAt: row.expiresAt + 1, mark: 'x' }, row.mark)
    expect(await store.sessions.read(session.id)).toBeNull()
    expect(forged).toEqual([session.id])
    await store.close()
  })

  it('of one app is worth nothing to another under the same secret, row by row', async () => {
    const [one, two] = [await useFor(newStore(), 'app_one', ours), await newStore()()]
    const session = newSession()
    await storeSession(one.sessions, session, world.now)
    const row = await one.sessions.read(session.id)
    if (!row) throw new Error('it was created')
    await two.sessions.insert(row, { issuedAt: world.now, mostSessions: 1_000 })
    const other = claimed(two, 'app_two', ours)
    expect(await other.sessions.read(session.id)).toBeNull()
    await Promise.all([one.close(), other.close()])
  })
})
