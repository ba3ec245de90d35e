import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ada, bob, startEmulator, type Emulator, type PasswordMember } from '../src/index.js'
import { call } from './call.js'
import { bundleSdk, openPage, type DomPage, type Memberstack } from './dom-page.js'

let sdk: string
let emulator: Emulator
const pages: DomPage[] = []
let owner: Memberstack
let member: Memberstack
let teamId: string

async function signIn({ email, password }: Pick<PasswordMember, 'email' | 'password'>): Promise<Memberstack> {
  const page = openPage(sdk, emulator)
  pages.push(page)
  await page.memberstack.loginMemberEmailPassword({ email, password })
  return page.memberstack
}

beforeAll(async () => {
  ;[sdk, emulator] = await Promise.all([
    bundleSdk(),
    startEmulator({ webhookUrl: 'http://127.0.0.1:9/hook' }),
  ])
})
beforeEach(async () => {
  emulator.addPlan(ada.id, 'pln_team')
  teamId = emulator.createTeam({ owner: ada.email, planId: 'pln_team', maxTeamMembers: 2 }).id
  ;[owner, member] = await Promise.all([signIn(ada), signIn(bob)])
})
afterEach(() => {
  for (const page of pages.splice(0)) page.close()
  emulator.reset()
})
afterAll(() => emulator.close())

const teamEvents = (): unknown[] =>
  emulator
    .webhooks()
    .filter(({ event }) => event.startsWith('team.'))
    .map(({ body }) => JSON.parse(body))
const plansOf = (id: string): unknown => emulator.findMember(id)?.planConnections.map(({ planId }) => planId)
const invite = async (): Promise<string> => (await owner.generateInviteToken({ teamId })).data.inviteToken

describe('teams, through @memberstack/dom', () => {
  it('take a member with an invite, who gets the plan; the owner reads the team', async () => {
    expect((await owner.getTeam({ teamId })).data).toMatchObject({ id: teamId, inviteToken: null })
    const inviteToken = await invite()
    await member.joinTeam({ inviteToken })
    expect(plansOf(bob.id)).toEqual(['pln_team'])
    const { data: team } = await owner.getTeam({ teamId })
    expect(team).toMatchObject({ inviteToken, maxTeamMembers: 2 })
    expect(team.members.map(({ role, member: { auth } }) => [role, auth.email])).toEqual([
      ['OWNER', 'ada@example.com'],
      ['MEMBER', 'bob@example.com'],
    ])
    expect(teamEvents()).toMatchObject([
      {
        event: 'team.member.added',
        payload: { teamId, owner: { id: 'mem_ada' }, member: { id: 'mem_bob', auth: { email: bob.email } } },
      },
    ])
  })

  it('lose a member by the owner or by itself, and it loses the plan', async () => {
    for (const remover of [owner, member]) {
      await member.joinTeam({ inviteToken: await invite() })
      await remover.removeMemberFromTeam({ teamId, memberId: bob.id })
      expect(plansOf(bob.id)).toEqual([])
    }
    expect(teamEvents()).toMatchObject([
      { event: 'team.member.added' },
      { event: 'team.member.removed', payload: { teamId, member: { id: 'mem_bob' } } },
      { event: 'team.member.added' },
      { event: 'team.member.removed' },
    ])
  })

  it('take a new member at its sign-up', async () => {
    const page = openPage(sdk, emulator)
    pages.push(page)
    const { data } = await page.memberstack.signupMemberEmailPassword({
      email: 'grace@example.com',
      password: 'correct-horse',
      inviteToken: await invite(),
    })
    expect(data.member.planConnections).toMatchObject([{ planId: 'pln_team', active: true }])
    await expect(
      page.memberstack.signupMemberEmailPassword({
        email: 'alan@example.com',
        password: 'correct-horse',
        inviteToken: 'unknown',
      }),
    ).rejects.toMatchObject({ code: 'generic-message' })
    expect(emulator.findMember('alan@example.com')).toBeNull()
    await expect(
      page.memberstack.signupMemberEmailPassword({
        email: 'alan@example.com',
        password: 'correct-horse',
        inviteToken: (await owner.getTeam({ teamId })).data.inviteToken ?? '',
      }),
    ).rejects.toMatchObject({ code: 'team-full' })
    expect(emulator.findMember('alan@example.com')).toBeNull()
  })

  it('are full at their seat limit, and one is all that a member can be in', async () => {
    const inviteToken = await invite()
    await member.joinTeam({ inviteToken })
    await expect(member.joinTeam({ inviteToken })).rejects.toMatchObject({
      code: 'can-only-have-one-active-team',
    })
    const signUp = { email: 'grace@example.com', password: 'correct-horse' }
    emulator.createMember(signUp)
    const third = await signIn(signUp)
    await expect(third.joinTeam({ inviteToken })).rejects.toMatchObject({ code: 'team-full' })
    expect(teamEvents()).toHaveLength(1)
  })

  it('are closed to all but the owner, and the owner cannot leave', async () => {
    const old = await invite()
    const inviteToken = await invite()
    await expect(member.joinTeam({ inviteToken: old })).rejects.toMatchObject({ code: 'generic-message' })
    await member.joinTeam({ inviteToken })
    const refused = { code: 'generic-message' }
    await expect(member.getTeam({ teamId })).rejects.toMatchObject(refused)
    await expect(member.generateInviteToken({ teamId })).rejects.toMatchObject(refused)
    await expect(member.removeMemberFromTeam({ teamId, memberId: ada.id })).rejects.toMatchObject(refused)
    await expect(owner.getTeam({ teamId: 'unknown' })).rejects.toMatchObject(refused)
    await expect(owner.removeMemberFromTeam({ teamId, memberId: ada.id })).rejects.toMatchObject({
      code: 'cannot-change-team-account',
    })
    await owner.removeMemberFromTeam({ teamId, memberId: bob.id })
    await expect(owner.removeMemberFromTeam({ teamId, memberId: bob.id })).rejects.toMatchObject(refused)
  })

  it('end with their owner, and lose a deleted member', async () => {
    emulator.addTeamMember(teamId, bob.email)
    emulator.deleteMember(bob.id)
    expect((await owner.getTeam({ teamId })).data.members).toHaveLength(1)
    emulator.reset()

    const again = emulator.createTeam({ owner: ada.id, planId: 'pln_team' })
    emulator.addTeamMember(again.id, bob.id)
    emulator.deleteMember(ada.id)
    expect(plansOf(bob.id)).toEqual([])
    expect(teamEvents()).toMatchObject([{ event: 'team.member.added' }, { event: 'team.member.removed' }])
  })

  it('are made and changed by test route', async () => {
    const test = (method: string, path: string, body?: unknown): ReturnType<typeof call> =>
      call(method, `${emulator.url}/_emulator/teams${path}`, { body })
    expect(await test('POST', '', { owner: ada.id })).toMatchObject({
      status: 400,
      body: { code: 'can-only-have-one-active-team' },
    })
    expect(await test('POST', `/${teamId}/members`, { member: bob.email })).toMatchObject({
      status: 200,
      body: { data: { id: teamId, members: [{ role: 'OWNER' }, { role: 'MEMBER' }] } },
    })
    expect(await test('DELETE', `/${teamId}/members/mem_bob`)).toMatchObject({
      status: 200,
      body: { data: { members: [{ role: 'OWNER' }] } },
    })
    expect((await test('POST', '/unknown/members', { member: bob.id })).status).toBe(400)
    const made = await test('POST', '', { owner: bob.id, maxTeamMembers: 3 })
    expect(made).toMatchObject({ status: 200, body: { data: { maxTeamMembers: 3 } } })
  })
})
