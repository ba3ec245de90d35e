import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ada, bob, startEmulator, type Emulator } from '../src/index.js'
import { bundleSdk, openPage, type DomPage, type Memberstack } from './dom-page.js'

let sdk: string
let emulator: Emulator
let page: DomPage
let memberstack: Memberstack
let now: number

const open = (options?: { publicKey?: string; appId?: string }): Memberstack => {
  page = openPage(sdk, emulator, options)
  return page.memberstack
}

beforeAll(async () => {
  now = Date.now() / 1000
  ;[sdk, emulator] = await Promise.all([bundleSdk(), startEmulator({ clock: () => now })])
})
beforeEach(() => {
  memberstack = open()
})
afterEach(() => {
  page.close()
  emulator.reset()
})
afterAll(() => emulator.close())

const storedToken = (): string | null => page.storedToken()
const logIn = (): ReturnType<Memberstack['loginMemberEmailPassword']> =>
  memberstack.loginMemberEmailPassword({ email: ada.email, password: ada.password })

describe('@memberstack/dom in a page of another origin', () => {
  it('signs up, is signed in, and reads the new member', async () => {
    const seen: unknown[] = []
    memberstack.onAuthChange((member) => seen.push(member?.auth.email ?? null))
    const { data } = await memberstack.signupMemberEmailPassword({
      email: 'grace@example.com',
      password: 'correct-horse',
      customFields: { 'first-name': 'Grace' },
      plans: [{ planId: 'pln_free' }],
    })
    expect(data.tokens.type).toBe('bearer')
    expect(data.tokens.expires).toBe((Math.floor(now) + 14 * 24 * 3600) * 1000)
    expect(storedToken()).toBe(data.tokens.accessToken)
    const { data: member } = await memberstack.getCurrentMember()
    expect(member).toEqual(data.member)
    expect(member).toMatchObject({
      auth: { email: 'grace@example.com', hasPassword: true, providers: [] },
      customFields: { 'first-name': 'Grace' },
      planConnections: [{ planId: 'pln_free', active: true }],
    })
    expect(seen).toEqual(['grace@example.com'])
  })

  it('logs in the seeded member and notes when', async () => {
    const { data } = await logIn()
    expect(data.member.id).toBe('mem_ada')
    expect(data.member.permissions).toEqual(['user', 'admin'])
    expect(emulator.findMember('mem_ada')?.lastLogin).toBe(new Date(now * 1000).toISOString())
  })

  it('logs in the second seeded member, who has another role and no plan', async () => {
    await logIn()
    await memberstack.logout()
    await memberstack.loginMemberEmailPassword({ email: bob.email, password: bob.password })
    const { data: member } = await memberstack.getCurrentMember()
    expect(member).toMatchObject({
      id: 'mem_bob',
      auth: { email: 'bob@example.com' },
      permissions: ['user'],
      planConnections: [],
    })
  })

  it('tells an unknown address and a wrong password apart by nothing', async () => {
    const attempts = [
      { email: ada.email, password: 'wrong-password' },
      { email: 'nobody@example.com', password: ada.password },
    ]
    const refusals = await Promise.all(
      attempts.map((attempt) =>
        memberstack.loginMemberEmailPassword(attempt).catch((error: unknown) => error),
      ),
    )
    expect(refusals[0]).toMatchObject({ code: 'invalid-credentials' })
    expect(refusals[1]).toEqual(refusals[0])
    expect(storedToken()).toBeNull()
  })

  it('logs out: no token, no member', async () => {
    await logIn()
    await memberstack.logout()
    expect(storedToken()).toBeNull()
    expect(await memberstack.getCurrentMember()).toEqual({ data: null })
  })

  it('is signed out once its member was deleted or its token expired', async () => {
    await logIn()
    emulator.deleteMember('mem_ada')
    expect(await memberstack.getCurrentMember()).toEqual({ data: null })
    expect(storedToken()).toBeNull()

    emulator.reset()
    await logIn()
    now += 14 * 24 * 3600 - 1
    expect((await memberstack.getCurrentMember()).data?.id).toBe('mem_ada')
    now += 1
    expect(await memberstack.getCurrentMember()).toEqual({ data: null })
    now = Date.now() / 1000
  })

  it('changes fields, json, email and password of its member', async () => {
    await logIn()
    const { data: updated } = await memberstack.updateMember({ customFields: { company: 'Babbage' } })
    expect(updated.customFields).toEqual({ ...ada.customFields, company: 'Babbage' })
    await memberstack.updateMemberJSON({ json: { saved: [1] } })
    expect(await memberstack.getMemberJSON()).toEqual({ data: { saved: [1] } })
    const change = {
      email: 'countess@example.com',
      oldPassword: ada.password,
      newPassword: 'second-password',
    }
    const { data: renamed } = await memberstack.updateMemberAuth(change)
    expect(renamed).toMatchObject({ auth: { email: 'countess@example.com' }, verified: false })
    await expect(logIn()).rejects.toMatchObject({ code: 'invalid-credentials' })
    await memberstack.loginMemberEmailPassword({ email: 'countess@example.com', password: 'second-password' })
    await expect(
      memberstack.updateMemberAuth({ oldPassword: 'wrong-one', newPassword: 'third-password' }),
    ).rejects.toMatchObject({ code: 'invalid-password' })
  })

  it('adds and removes free plans, and tells its subscribers', async () => {
    await logIn()
    const plans: unknown[] = []
    memberstack.onAuthChange((member) => plans.push(member?.planConnections.map(({ planId }) => planId)))
    const { data } = await memberstack.addPlan({ planId: 'pln_club' })
    expect(data.app.id).toBe('app_emulator')
    await memberstack.removePlan({ planId: 'pln_club' })
    expect(plans).toEqual([['pln_club'], []])
  })

  it('deletes its own member', async () => {
    await logIn()
    expect(await memberstack.deleteMember()).toEqual({ data: { id: 'mem_ada' } })
    expect(emulator.findMember('mem_ada')).toBeNull()
  })

  it('needs a member for what only members may do', async () => {
    await expect(memberstack.updateMember({ customFields: {} })).rejects.toMatchObject({
      code: 'login-required',
    })
    expect(await memberstack.getCurrentMember()).toEqual({ data: null })
  })

  it('reads the app, alone and with the member, and keeps the session id it was given', async () => {
    await logIn()
    const { data: appData } = await memberstack.getApp()
    expect(appData).toMatchObject({ id: 'app_emulator', mode: 'sandbox', plans: [] })
    const { data } = await memberstack.getAppAndMember()
    expect(data).toMatchObject({ app: { id: 'app_emulator' }, member: { id: 'mem_ada' } })
    const sessionId = page.stored('ms_session_id')
    expect(sessionId).toMatch(/^ses_/)
    await memberstack.trackPageView()
    expect(page.stored('ms_session_id')).toBe(sessionId)
  })

  it('is refused with a wrong public key or another app', async () => {
    for (const wrong of [{ publicKey: 'pk_sb_other' }, { appId: 'app_other' }]) {
      page.close()
      memberstack = open(wrong)
      await expect(logIn()).rejects.toMatchObject({ code: 'app-not-found' })
    }
  })
})
