import { build } from 'esbuild'
import { JSDOM, VirtualConsole } from 'jsdom'
import type memberstackDom from '@memberstack/dom'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ada, startEmulator, type Emulator } from '../src/index.js'

type Memberstack = ReturnType<(typeof memberstackDom)['default']['init']>

// The real SDK in a page of another origin: jsdom's XMLHttpRequest asks for CORS as a browser does.
let sdk: string
let emulator: Emulator
let page: JSDOM
let memberstack: Memberstack
let now: number

async function bundleSdk(): Promise<string> {
  const contents = "import sdk from '@memberstack/dom'; window.start = (options) => sdk.init(options)"
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
  })
  return outputFiles[0]?.text ?? ''
}

function openPage(options: { publicKey?: string; appId?: string } = {}): Memberstack {
  const { publicKey = emulator.publicKey, appId = emulator.appId } = options
  page = new JSDOM('<!doctype html>', {
    url: 'http://shop.example/pricing',
    runScripts: 'outside-only',
    virtualConsole: new VirtualConsole(),
  })
  page.window.eval(sdk)
  return page.window['start']({ publicKey, appId, domain: emulator.url, autoTrackPageViews: false })
}

beforeAll(async () => {
  now = Date.now() / 1000
  ;[sdk, emulator] = await Promise.all([bundleSdk(), startEmulator({ clock: () => now })])
})
beforeEach(() => {
  memberstack = openPage()
})
afterEach(() => {
  page.window.close()
  emulator.reset()
})
afterAll(() => emulator.close())

const storedToken = (): string | null => page.window.localStorage.getItem('_ms-mid')
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
    const sessionId = page.window.localStorage.getItem('ms_session_id')
    expect(sessionId).toMatch(/^ses_/)
    await memberstack.trackPageView()
    expect(page.window.localStorage.getItem('ms_session_id')).toBe(sessionId)
  })

  it('is refused with a wrong public key or another app', async () => {
    for (const wrong of [{ publicKey: 'pk_sb_other' }, { appId: 'app_other' }]) {
      page.window.close()
      memberstack = openPage(wrong)
      await expect(logIn()).rejects.toMatchObject({ code: 'app-not-found' })
    }
  })
})
