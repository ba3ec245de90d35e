import { beforeEach, describe, expect, it } from 'vitest'
import { storeSecrets } from '../../test/kit/claimed-store.js'
import {
  createEpochs,
  inEpoch,
  readStanding,
  refusedUntil,
  toEpochEntry,
  type EpochsOptions,
} from './epochs.js'
import type { SessionRow, StoredEpoch } from './session-store.js'
import { beginSession } from './session.js'

let stored: StoredEpoch | null
/** Each epoch that was to replace another: `<from> to <to> at <instant>`. */
let written: string[]
let forged: number
/** The number of the next writes that another instance wins, with an epoch of its own. */
let lost: number

beforeEach(() => {
  stored = null
  written = []
  forged = 0
  lost = 0
})

const marked = (epoch: number): StoredEpoch => ({ epoch, mark: storeSecrets.mark('epoch', String(epoch)) })
const create = (change: Partial<EpochsOptions> = {}) =>
  createEpochs({
    rows: {
      readEpoch: async () => stored,
      replaceEpoch: async ({ next, expected, at }) => {
        written.push(`${stored?.epoch ?? 'none'} to ${next.epoch} at ${at}`)
        if (lost-- > 0) stored = marked((stored?.epoch ?? 0) + 10)
        if ((stored?.mark ?? null) !== expected) return null
        stored = next
        return 7
      },
    },
    secrets: storeSecrets,
    clock: () => 50,
    onForged: () => forged++,
    ...change,
  })

describe('the epochs of a store', () => {
  it('begin with 0, which refuses no sign-in', async () => {
    const epochs = create()
    expect(epochs.current()).toBe(0)
    await epochs.sync()
    expect(written).toEqual([])
    expect(refusedUntil(0)).toBe(-Infinity)
    expect(refusedUntil(1)).toBe(0)
    expect(forged).toBe(0)
  })

  it('contain the last second whose member JWTs are refused, and only ever grow', async () => {
    const epochs = create()
    expect(await epochs.begin(100.9)).toBe(7)
    expect(epochs.current()).toBe(100_000)
    expect(stored).toEqual(marked(100_000))
    expect(refusedUntil(100_999)).toBe(100)
    await epochs.begin(100)
    await epochs.begin(3)
    expect(written).toEqual(['none to 100000 at 50', '100000 to 100001 at 50', '100001 to 100002 at 50'])
    epochs.note(5)
    expect(epochs.current()).toBe(100_002)
  })

  it('are read from the store', async () => {
    stored = marked(9)
    const epochs = create()
    await epochs.sync()
    expect(epochs.current()).toBe(9)
    expect(written).toEqual([])
  })

  it('are written back if the store has lost one, or has it under another secret', async () => {
    const epochs = create()
    epochs.note(9)
    await epochs.sync()
    stored = marked(4)
    await epochs.sync()
    const earlier = storeSecrets.mark('session', '9')
    const secrets = { ...storeSecrets, verifyMark: () => true }
    stored = { epoch: 9, mark: earlier }
    await create({ secrets }).sync()
    expect(written).toEqual(['none to 9 at 50', '4 to 9 at 50', '9 to 9 at 50'])
    expect(stored).toEqual(marked(9))
  })

  it('with a mark that is not theirs count as none, are reported, and are replaced', async () => {
    stored = { epoch: 1_000_000, mark: marked(9).mark }
    const epochs = create()
    await epochs.sync()
    expect(epochs.current()).toBe(0)
    expect(forged).toBe(1)
    expect(stored).toEqual(marked(0))
    stored = { epoch: 1, mark: '' }
    await create({ onForged: undefined }).sync()
    expect(stored).toEqual(marked(0))
  })

  it('of a write that another instance has won are not taken for begun', async () => {
    const epochs = create()
    lost = 2
    expect(await epochs.begin(0)).toBe(7)
    expect(written).toEqual(['none to 1 at 50', '10 to 11 at 50', '20 to 21 at 50'])
    expect(epochs.current()).toBe(21)
    const behind = create({ rows: { readEpoch: async () => null, replaceEpoch: async () => null } })
    behind.note(5)
    await behind.sync()
    expect(behind.current()).toBe(5)
  })

  it('are trouble after twenty lost turns', async () => {
    lost = 19
    expect(await create().begin(0)).toBe(7)
    expect(written).toHaveLength(20)
    lost = 20
    const begun = create().begin(0)
    await expect(begun).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE', reason: 'contended' })
    expect(written).toHaveLength(40)
  })

  it('of a write that was lost are not known here', async () => {
    const epochs = create({ rows: { readEpoch: async () => null, replaceEpoch: async () => null } })
    await epochs.begin(0).catch(() => {})
    expect(epochs.current()).toBe(0)
  })
})

describe('an entry of the feed', () => {
  it('that announces an epoch is recognised, and noted if it is genuine', () => {
    const epochs = create()
    expect(epochs.noteEntry(toEpochEntry(marked(9), 50.9))).toBe(true)
    expect(epochs.current()).toBe(9)
    expect(toEpochEntry(marked(9), 50.9)).toEqual({ id: `epoch:9:${marked(9).mark}`, endedAt: 50 })
    for (const id of ['epoch:', 'epoch:99', 'epoch:99:', `epoch:99:${marked(9).mark}`, 'epoch:x:y'])
      expect(epochs.noteEntry({ id, endedAt: 1 }), id).toBe(true)
    expect(epochs.current()).toBe(9)
  })

  it('of a session or a member is none, whatever it contains', () => {
    const epochs = create()
    const { mark } = marked(9)
    for (const id of ['AAAAAAAAAAAAAAAAAAAAAA', 'mem_ada@1000', `xepoch:9:${mark}`, `x:9:${mark}`])
      expect(epochs.noteEntry({ id, endedAt: 1 }), id).toBe(false)
    expect(epochs.current()).toBe(0)
  })
})

describe('a session of an earlier epoch', () => {
  const start = { memberId: 'mem_ada', userAgent: null, expiresAt: 9_000_000, sealedMember: null, now: 1 }
  const row = (epoch: number, change: Partial<SessionRow> = {}): SessionRow => ({
    ...beginSession({ ...start, id: 's1', epoch }),
    mark: '',
    ...change,
  })

  it('has ended, in the second after the last one that is refused', () => {
    expect(inEpoch(row(99_999), 100_000)).toMatchObject({ endedAt: 101, endReason: 'everything' })
    expect(inEpoch(row(100_000), 100_000)).toMatchObject({ endedAt: null })
    const signedOut = row(1, { endedAt: 5, endReason: 'sign_out' })
    expect(inEpoch(signedOut, 100_000)).toBe(signedOut)
  })

  it('is read as it stands in the epoch of the store', async () => {
    const rows = (epoch: StoredEpoch | null) => ({
      read: async (id: string) => (id === 's1' ? row(1) : null),
      readEpoch: async () => epoch,
    })
    expect(await readStanding(rows(null), 's1')).toMatchObject({ id: 's1', endedAt: null })
    expect(await readStanding(rows(marked(1)), 's1')).toMatchObject({ endedAt: null })
    expect(await readStanding(rows(marked(2)), 's1')).toMatchObject({ endReason: 'everything' })
    expect(await readStanding(rows(marked(2)), 's2')).toBeNull()
  })
})
