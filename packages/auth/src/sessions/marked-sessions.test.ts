import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { noEpochs, storeSession } from '../../test/kit/claimed-store.js'
import { createFakeTime } from '../../test/kit/fake-time.js'
import { createSecrets } from '../base/secrets.js'
import { openStore } from '../stores/index.js'
import { createMarkedSessions, type MarkedSessionsOptions } from './marked-sessions.js'
import { createSessionMarks } from './session-mark.js'
import type { SessionRow, SessionRows } from './session-store.js'
import { beginSession } from './session.js'

const secrets = createSecrets([randomBytes(32)], { appId: 'app_1', randomBytes })
const marks = createSessionMarks(secrets)

/** The session of a thief and that of Ada, in a store whose answers the thief can change. */
async function createWorld() {
  const world = createFakeTime(1_000)
  const { sessions: rows } = await openStore('memory:', world)
  const forged: string[] = []
  const through = (change: Partial<SessionRows>, options: Partial<MarkedSessionsOptions> = {}) =>
    createMarkedSessions({
      rows: { ...rows, ...change },
      marks,
      epochs: noEpochs,
      onForged: (id) => forged.push(id),
      ...options,
    })
  const begin = async (memberId: string) => {
    const session = beginSession({
      id: randomBytes(16).toString('base64url'),
      memberId,
      userAgent: `phone of ${memberId}`,
      expiresAt: 100_000,
      sealedMember: null,
      now: 1_000,
    })
    await storeSession(through({}), session, 1_000)
    const row = await rows.read(session.id)
    if (!row) throw new Error('no row')
    return row
  }
  const [thief, ada] = [await begin('mem_thief'), await begin('mem_ada')]
  return { rows, through, thief, ada, forged }
}

const change = { toGeneration: 2, at: 1_010, sealedMember: null }

describe('a genuine row of another session', () => {
  it('is not the session that is read', async () => {
    const { through, thief, ada, forged } = await createWorld()
    expect(await through({ read: async () => ada }).read(thief.id)).toBeNull()
    expect(forged).toEqual([thief.id])
  })

  it('is not what stands in the place of a session whose rotation was lost', async () => {
    const { through, thief, ada, forged } = await createWorld()
    const sessions = through({ replace: async () => ada })
    expect(await sessions.advance(thief, change)).toEqual({ applied: false, session: null })
    expect(forged).toEqual([thief.id])
  })

  it('is not confirmed in the place of a session', async () => {
    const { through, thief, ada } = await createWorld()
    const written: string[] = []
    const sessions = through({
      replace: async (row) => {
        written.push(row.id)
        return ada
      },
    })
    await sessions.confirm(thief.id, 1, 1_010)
    expect(written).toEqual([thief.id])
  })

  it('is the only one that is reported, and need not be', async () => {
    const { through, thief, ada, forged } = await createWorld()
    expect(await through({}).read(thief.id)).toEqual(thief)
    expect(await through({ read: async () => null }).read(thief.id)).toBeNull()
    expect(forged).toEqual([])
    const unreported = through({ read: async () => ada }, { onForged: undefined })
    expect(await unreported.read(thief.id)).toBeNull()
  })

  it('is not in the list of another member', async () => {
    const { through, thief, ada } = await createWorld()
    const sessions = through({ list: async () => ({ sessions: [thief, ada], next: null }) })
    const { sessions: listed } = await sessions.list({ memberId: 'mem_thief', at: 1_010, limit: 10 })
    expect(listed).toEqual([thief])
  })
})

describe('a row that was changed', () => {
  const changes: readonly [string, (mine: SessionRow, hers: SessionRow) => Partial<SessionRow>][] = [
    ['the member', (_, { memberId }) => ({ memberId })],
    ['the id', (_, { id }) => ({ id })],
    ['the expiry', () => ({ expiresAt: 1e9 })],
    ['the generation', () => ({ generation: 7 })],
    ['the time of the first use', () => ({ confirmedAt: 1_005 })],
    ['the last use', () => ({ lastUsedAt: 1_009 })],
    ['the user agent', () => ({ userAgent: 'curl' })],
    ['the sealed member', () => ({ sealedMember: 'x' })],
    ['a key that it is not bound to', () => ({ jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' })],
    ['the mark of another row', (_, { mark }) => ({ mark })],
    ['a mark that is cut', ({ mark }) => ({ mark: mark.slice(0, 8) })],
    ['no mark', () => ({ mark: '' })],
    ['a mark with a character behind it', ({ mark }) => ({ mark: `${mark}A` })],
    ['a number as text', ({ generation }) => Object({ generation: `${generation}` })],
    ['a prototype of the mark', ({ mark }) => Object({ mark: [mark] })],
  ]

  it.each(changes)('by %s counts as none, wherever it is read', async (_name, changed) => {
    const { through, thief, ada } = await createWorld()
    const row = { ...thief, ...changed(thief, ada) }
    const sessions = through({
      read: async () => row,
      replace: async () => row,
      list: async () => ({ sessions: [row], next: null }),
    })
    const answers = await Promise.allSettled([
      sessions.read(row.id),
      sessions.advance(thief, change).then(({ session }) => session),
      sessions
        .list({ memberId: row.memberId, at: 1_010, limit: 10 })
        .then(({ sessions: [first] }) => first ?? null),
    ])
    for (const answer of answers) expect(answer).toMatchObject({ status: 'fulfilled', value: null })
  })
})

describe('the mark of a row', () => {
  const session = {
    ...beginSession({
      id: randomBytes(16).toString('base64url'),
      memberId: 'mem_ada',
      userAgent: null,
      expiresAt: 100_000,
      sealedMember: null,
      now: 1_000,
    }),
  }
  /** As versions without keys mark a row, with an epoch or without one. */
  const markedEarlier = ({ id, memberId, userAgent, ...row }: typeof session, epoch: readonly number[]) => {
    const { createdAt, lastUsedAt, expiresAt, generation, confirmedAt, previousConfirmedAt, sealedMember } =
      row
    const times = [createdAt, lastUsedAt, expiresAt, generation, confirmedAt, previousConfirmedAt]
    return secrets.mark(
      'session',
      JSON.stringify([id, memberId, userAgent, ...times, sealedMember, ...epoch]),
    )
  }

  it('is that of earlier versions if the session is not bound to a key, so that its rows go on', () => {
    expect(marks.mark(session).mark).toBe(markedEarlier(session, []))
    expect(marks.mark({ ...session, epoch: 7 }).mark).toBe(markedEarlier(session, [7]))
  })

  it('is another one if the session is bound, so that earlier versions take the row for none', () => {
    for (const epoch of [0, 7]) {
      const bound = marks.mark({ ...session, epoch, jkt: 'thumbprint' })
      expect(marks.isGenuine(bound)).toBe(true)
      for (const earlier of [[], [0], [7]]) expect(bound.mark).not.toBe(markedEarlier(session, earlier))
      expect(marks.isGenuine({ ...bound, jkt: null })).toBe(false)
      expect(marks.isGenuine({ ...bound, jkt: 'another' })).toBe(false)
    }
  })
})
