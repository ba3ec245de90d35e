import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createSecrets } from '../base/secrets.js'
import { type Standing, createMembership, type Membership, type MembershipOptions } from './membership.js'
import type { Member, MemberReading, ReadMemberOptions } from './member.js'
import type { MemberNews } from './user-cache.js'

const down: MemberReading = { kind: 'unavailable', retryAfterSeconds: 3 }
const secret = randomBytes(32)
const secrets = createSecrets([secret], { appId: 'app_test', randomBytes })

function member(changes: Partial<Member> = {}): Member {
  return {
    userId: 'mem_ada',
    email: 'ada@example.com',
    roles: ['user', 'pln_pro'],
    customFields: {},
    activePlanIds: ['pln_pro'],
    ...changes,
  }
}

function createWorld(changes: Partial<MembershipOptions> = {}) {
  let now = 10_000
  const asked: ReadMemberOptions[] = []
  const world = {
    at: (seconds: number) => (now = seconds),
    answer: (): MemberReading => ({ kind: 'found', member: member(), readAt: now }),
    asked,
  }
  const options: MembershipOptions = {
    admin: {
      readMember: async (_memberId, options) => {
        asked.push(options)
        return world.answer()
      },
    },
    secrets,
    clock: () => now,
    requiredPlans: [],
    staleSeconds: 3600,
    ...changes,
  }
  return { world, asked, membership: createMembership(options), restarted: () => createMembership(options) }
}

const refresh = (membership: Membership, sealedMember: string | null = null): Promise<Standing> =>
  membership.check('mem_ada', { waitSeconds: 1, sealedMember, requestId: 'req-1' })

function sealedIn(standing: Standing): string {
  if (standing.kind !== 'member' || standing.sealedMember === null) throw new Error('a snapshot was expected')
  return standing.sealedMember
}

describe('membership', () => {
  it('asks the admin API at every check, within the wait it was given', async () => {
    const { membership, asked } = createWorld()
    expect(await refresh(membership)).toMatchObject({ kind: 'member', member: member() })
    await refresh(membership)
    expect(asked).toEqual([
      { waitSeconds: 1, requestId: 'req-1' },
      { waitSeconds: 1, requestId: 'req-1' },
    ])
  })

  it('ends with the member', async () => {
    const { membership, world } = createWorld()
    world.answer = () => ({ kind: 'deleted' })
    expect(await refresh(membership)).toEqual({ kind: 'deleted' })
  })

  it.each([
    [[], [], 'member'],
    [['pln_pro'], ['pln_pro'], 'member'],
    [['pln_basic', 'pln_pro'], ['pln_pro'], 'member'],
    [['pln_basic'], ['pln_pro'], 'plan_lost'],
    [['pln_pro'], [], 'plan_lost'],
  ])('with %j required and %j active is: %s', async (requiredPlans, activePlanIds, kind) => {
    const { membership, world } = createWorld({ requiredPlans })
    world.answer = () => ({ kind: 'found', member: member({ activePlanIds }), readAt: 10_000 })
    expect(await refresh(membership)).toMatchObject({ kind })
  })

  it('tells every certain answer to the user context', async () => {
    const told: MemberNews[] = []
    const { membership, world } = createWorld({
      userContext: { remember: (_memberId, news) => told.push(news) },
    })
    await refresh(membership)
    world.answer = () => down
    await refresh(membership)
    world.answer = () => ({ kind: 'deleted' })
    await refresh(membership)
    expect(told.map(({ kind }) => kind)).toEqual(['found', 'deleted'])
  })
})

describe('while the admin API is away', () => {
  it('the snapshot in the session serves until the stale seconds are over, on an instance just started', async () => {
    const { membership, restarted, world } = createWorld()
    const sealed = sealedIn(await refresh(membership))
    world.answer = () => down
    world.at(13_599)
    expect(await refresh(restarted(), sealed)).toEqual({
      kind: 'member',
      member: member(),
      readAt: 10_000,
      sealedMember: null,
    })
    world.at(13_600)
    expect(await refresh(restarted(), sealed)).toEqual({ kind: 'unavailable', retryAfterSeconds: 3 })
  })

  it('serving it again and again never makes it newer', async () => {
    const { membership, world } = createWorld()
    await refresh(membership)
    world.answer = () => down
    for (const at of [11_000, 12_000, 13_000]) {
      world.at(at)
      expect(await refresh(membership)).toMatchObject({ kind: 'member' })
    }
    world.at(13_600)
    expect(await refresh(membership)).toMatchObject({ kind: 'unavailable' })
  })

  it('the newer of memory and snapshot serves', async () => {
    const { membership, world } = createWorld()
    const sealed = sealedIn(await refresh(membership))
    const promoted = member({ roles: ['admin'] })
    membership.remember('mem_ada', { kind: 'found', member: promoted, readAt: 10_005 })
    world.answer = () => down
    expect(await refresh(membership, sealed)).toMatchObject({ member: { roles: ['admin'] } })

    const demoted = createWorld()
    demoted.membership.remember('mem_ada', { kind: 'found', member: promoted, readAt: 9_000 })
    demoted.world.answer = () => down
    expect(await refresh(demoted.membership, sealed)).toMatchObject({
      member: { roles: ['user', 'pln_pro'] },
    })
  })

  it('older news changes nothing', async () => {
    const { membership, world } = createWorld()
    await refresh(membership)
    membership.remember('mem_ada', { kind: 'found', member: member({ roles: ['old'] }), readAt: 9_999 })
    world.answer = () => down
    expect(await refresh(membership)).toMatchObject({ member: { roles: ['user', 'pln_pro'] } })
  })

  it('nobody is let in whose last known answer shows no required plan, and nothing is ended on old news', async () => {
    const { membership, world } = createWorld({ requiredPlans: ['pln_new'] })
    membership.remember('mem_ada', { kind: 'found', member: member(), readAt: 10_000 })
    world.answer = () => down
    expect(await refresh(membership)).toEqual({ kind: 'unavailable', retryAfterSeconds: 3 })
  })

  it('nothing is made up for a member never seen', async () => {
    const { membership, world } = createWorld()
    world.answer = () => down
    expect(await refresh(membership)).toEqual({ kind: 'unavailable', retryAfterSeconds: 3 })
  })

  it('a member known to be deleted is not remembered', async () => {
    const { membership, world } = createWorld()
    await refresh(membership)
    membership.remember('mem_ada', { kind: 'deleted' })
    world.answer = () => down
    expect(await refresh(membership)).toMatchObject({ kind: 'unavailable' })
  })
})

describe('the snapshot kept with a session', () => {
  it('shows nothing of the member', async () => {
    const sealed = sealedIn(await refresh(createWorld().membership))
    expect(Buffer.from(sealed, 'base64url').toString('latin1')).not.toContain('ada')
  })

  it('opens for its own member and under a known secret only', async () => {
    const sealed = sealedIn(await refresh(createWorld().membership))
    const { world, restarted } = createWorld()
    world.answer = () => down
    const asEve = restarted().check('mem_eve', { waitSeconds: 1, sealedMember: sealed })
    expect(await asEve).toMatchObject({ kind: 'unavailable' })

    const newSecret = randomBytes(32)
    const rotated = createWorld({
      secrets: createSecrets([newSecret, secret], { appId: 'app_test', randomBytes }),
    })
    rotated.world.answer = () => down
    expect(await refresh(rotated.membership, sealed)).toMatchObject({ kind: 'member' })
    const replaced = createWorld({ secrets: createSecrets([newSecret], { appId: 'app_test', randomBytes }) })
    replaced.world.answer = () => down
    expect(await refresh(replaced.membership, sealed)).toMatchObject({ kind: 'unavailable' })
  })

  it.each(['', 'x', '%', 'A'.repeat(5_000)])('that is damaged (%j) counts as none', async (sealed) => {
    const { membership, world } = createWorld()
    world.answer = () => down
    expect(await refresh(membership, sealed)).toMatchObject({ kind: 'unavailable' })
  })

  it.each([
    '{}',
    '[]',
    'null',
    '{"member":{"userId":"mem_ada"},"readAt":10000}',
    `{"member":${JSON.stringify(member())}}`,
    `{"member":${JSON.stringify(member({ userId: 'mem_eve' }))},"readAt":10000}`,
  ])('of another release (%s) counts as none', async (text) => {
    const { membership, world } = createWorld()
    world.answer = () => down
    const sealed = secrets.seal('member', 'mem_ada', text)
    expect(await refresh(membership, sealed)).toMatchObject({ kind: 'unavailable' })
  })

  it('is left out above 8 KiB; memory still has the member', async () => {
    const { membership, world } = createWorld()
    const customFields = { essay: 'x'.repeat(8_000) }
    world.answer = () => ({ kind: 'found', member: member({ customFields }), readAt: 10_000 })
    expect(await refresh(membership)).toMatchObject({ kind: 'member', sealedMember: null })
    world.answer = () => down
    expect(await refresh(membership)).toMatchObject({ kind: 'member', member: { customFields } })
  })
})
