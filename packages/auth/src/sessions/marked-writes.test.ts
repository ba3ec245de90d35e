import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { endAllOf, noEpochs, storeSecrets, storeSession } from '../../test/kit/claimed-store.js'
import { createFakeTime } from '../../test/kit/fake-time.js'
import { createMemoryStore } from '../stores/memory.js'
import { createMarkedSessions } from './marked-sessions.js'
import { createSessionMarks } from './session-mark.js'
import type { Epochs } from './epochs.js'
import type { SessionRows } from './session-store.js'
import { beginSession } from './session.js'

const marks = createSessionMarks(storeSecrets)
const sessionOf = (change: object = {}) =>
  beginSession({
    id: randomBytes(16).toString('base64url'),
    memberId: 'mem_ada',
    userAgent: null,
    expiresAt: 100_000,
    sealedMember: null,
    now: 1_000,
    ...change,
  })

/** Sessions on rows of which the test changes some, and a session that is stored. */
async function setUp(change: Partial<SessionRows> = {}, epochs: Partial<Epochs> = {}) {
  const rows = createMemoryStore(createFakeTime(1_000)).sessions
  const session = sessionOf()
  await storeSession(createMarkedSessions({ rows, marks, epochs: noEpochs }), session, 1_000)
  const sessions = createMarkedSessions({
    rows: { ...rows, ...change },
    marks,
    epochs: { ...noEpochs, ...epochs },
  })
  return { rows, session, sessions }
}

describe('the first use of a generation', () => {
  it('is written once', async () => {
    const { rows, session, sessions } = await setUp()
    const written: (number | null)[] = []
    const counted = createMarkedSessions({
      rows: {
        ...rows,
        replace: async (row, expected) => {
          written.push(row.confirmedAt)
          return await rows.replace(row, expected)
        },
      },
      marks,
      epochs: noEpochs,
    })
    await counted.confirm(session.id, 1, 1_005)
    await counted.confirm(session.id, 1, 1_009)
    expect(written).toEqual([1_005])
    expect(await sessions.read(session.id)).toMatchObject({ confirmedAt: 1_005 })
  })

  it('is written to what another write has left', async () => {
    const { rows, session } = await setUp()
    let turns = 0
    const sessions = createMarkedSessions({
      rows: {
        ...rows,
        replace: async (row, expected) => {
          if (turns++ > 0) return await rows.replace(row, expected)
          const held = await rows.read(session.id)
          return held && marks.mark({ ...held, lastUsedAt: 1_001 })
        },
      },
      marks,
      epochs: noEpochs,
    })
    // The second turn expects the mark of the row that the first one was given, which the store does not hold.
    await sessions.confirm(session.id, 1, 1_005)
    expect(turns).toBe(3)
    expect(await sessions.read(session.id)).toMatchObject({ confirmedAt: 1_005 })
  })

  it('is trouble if five writes are lost', async () => {
    let turns = 0
    const { session, sessions } = await setUp({
      replace: async (row) => marks.mark({ ...row, confirmedAt: null, lastUsedAt: 1_000 + ++turns }),
    })
    await expect(sessions.confirm(session.id, 1, 1_005)).rejects.toMatchObject({
      code: 'AUTH_UNAVAILABLE',
      reason: 'contended',
    })
    expect(turns).toBe(5)
  })
})

describe('a session that has ended or expired', () => {
  it('is neither rotated nor bound, and nothing is written', async () => {
    const { session, sessions } = await setUp({ replace: () => expect.fail() })
    const read = await sessions.read(session.id)
    if (!read) throw new Error('it was stored')
    const late = { toGeneration: 2, at: 100_000, sealedMember: null }
    expect(await sessions.advance(read, late)).toEqual({ applied: false, session: read })
    const ended = { ...read, endedAt: 1_001 }
    expect(await sessions.bind(ended, 'thumbprint')).toBe(ended)
  })
})

describe('a genuine row of an epoch that the store has lost', () => {
  it('shows that the store had it', async () => {
    const noted: number[] = []
    const { session, sessions } = await setUp({}, { note: (epoch) => noted.push(epoch) })
    await sessions.read(session.id)
    expect(noted).toEqual([0])
  })

  it('is reported to nobody if it is forged and nobody listens', async () => {
    const { sessions, rows, session } = await setUp({
      read: async (id) => {
        const row = await rows.read(id)
        return row && { ...row, mark: 'forged' }
      },
    })
    expect(await sessions.read(session.id)).toBeNull()
  })
})

describe('a sign-in while all sessions end', () => {
  it('of an earlier epoch stores nothing', async () => {
    const { sessions } = await setUp({ insert: () => expect.fail() }, { current: () => 7 })
    expect(await storeSession(sessions, sessionOf({ epoch: 6 }), 1_000)).toBe('outdated')
  })

  it('reads the epoch of the store if that has a later one, and only then', async () => {
    let synced = 0
    const epochs = { sync: async () => void synced++ }
    const { sessions } = await setUp({}, epochs)
    expect(await storeSession(sessions, sessionOf(), 1_000)).toBe('created')
    expect(synced).toBe(0)
    const { sessions: behind } = await setUp({ insert: async () => ({ kind: 'outdated' }) }, epochs)
    expect(await storeSession(behind, sessionOf(), 1_000)).toBe('outdated')
    expect(synced).toBe(1)
  })

  it('leaves no session of an earlier epoch in a list', async () => {
    const [old, present] = [sessionOf({ epoch: 6 }), sessionOf({ epoch: 7 })].map((session) =>
      marks.mark(session),
    )
    if (!old || !present) throw new Error('two were marked')
    const list = async () => ({ sessions: [old, present], next: null })
    const { sessions } = await setUp({ list }, { current: () => 7 })
    const page = await sessions.list({ memberId: 'mem_ada', at: 1_000, limit: 10 })
    expect(page.sessions).toEqual([present])
  })
})

describe('the end of all sessions of a member', () => {
  const request = { memberId: 'mem_ada', reason: 'operator', at: 1_000 } as const

  it('refuses sign-ins only if it is asked to, and before the sessions end', async () => {
    const steps: string[] = []
    const { sessions } = await setUp({
      refuseSignIns: async ({ issuedUntil }) => void steps.push(`refuse until ${issuedUntil}`),
      endSomeOf: async () => {
        steps.push('end')
        return ['a']
      },
    })
    expect(await endAllOf(sessions, request)).toEqual(['a'])
    await endAllOf(sessions, { ...request, refuseSignInsIssuedUntil: 999 })
    expect(steps).toEqual(['end', 'refuse until 999', 'end'])
  })

  it('goes on while steps are full, and yields no empty step', async () => {
    const left = [500, 500, 0]
    const limits: number[] = []
    const { sessions } = await setUp({
      endSomeOf: async ({ limit }) => {
        limits.push(limit)
        return Array.from({ length: left.shift() ?? 0 }, (_, index) => `s${index}`)
      },
    })
    const steps: number[] = []
    for await (const ids of sessions.endAllOf(request)) steps.push(ids.length)
    expect(steps).toEqual([500, 500])
    expect(limits).toEqual([500, 500, 500])
    left.push(499, 1)
    steps.length = 0
    for await (const ids of sessions.endAllOf(request)) steps.push(ids.length)
    expect(steps).toEqual([499])
  })
})
