import memberstackAdmin from '@memberstack/admin'
import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ada, bob, startEmulator, type Emulator, type PasswordMember } from '../src/index.js'
import { call, type Answer } from './call.js'
import { bundleSdk, openPage, type DomPage } from './dom-page.js'

let sdk: string
let now: number
let emulator: Emulator
let admin: ReturnType<typeof memberstackAdmin.init>
const pages: DomPage[] = []

beforeAll(async () => {
  now = Math.floor(Date.now() / 1000)
  ;[sdk, emulator] = await Promise.all([
    bundleSdk(),
    startEmulator({ clock: () => now, switches: { invalidTokenStatus: 401 } }),
  ])
  admin = memberstackAdmin.init(emulator.secretKey, { baseUrl: emulator.adminUrl })
})
afterEach(() => {
  for (const page of pages.splice(0)) page.close()
  emulator.reset()
})
afterAll(() => emulator.close())

const post = (body: unknown): Promise<Answer> => call('POST', `${emulator.url}/_emulator/switches`, { body })
const read = async (): Promise<unknown> => (await call('GET', `${emulator.url}/_emulator/switches`)).body

const defaults = {
  unknownMember: 'null',
  invalidTokenStatus: 401,
  concurrentLogins: 'allowed',
  planAddedEvent: 'member.plan.added',
  sessionSeconds: 14 * 24 * 3600,
}

describe('the switches', () => {
  it('are set by option, method and route, and a reset returns to the options', async () => {
    expect(await read()).toEqual(defaults)
    expect(await post({ unknownMember: 'member-not-found' })).toMatchObject({
      status: 200,
      body: { ...defaults, unknownMember: 'member-not-found' },
    })
    emulator.setSwitches({ sessionSeconds: 60, invalidTokenStatus: undefined })
    expect(await read()).toEqual({ ...defaults, unknownMember: 'member-not-found', sessionSeconds: 60 })
    expect(emulator.switches()).toEqual(await read())
    await call('POST', `${emulator.url}/_emulator/reset`)
    expect(await read()).toEqual(defaults)
  })

  it.each([
    [{ unknownMembers: 'null' }, /"unknownMembers" is not a switch: unknownMember/],
    [{ unknownMember: null }, /unknownMember must be one of: null, member-not-found/],
    [{ unknownMember: 404 }, /unknownMember must be one of/],
    [{ invalidTokenStatus: '400' }, /invalidTokenStatus must be one of: 400, 401/],
    [{ concurrentLogins: false }, /concurrentLogins must be one of/],
    [{ planAddedEvent: 'plan.added' }, /planAddedEvent must be one of/],
    [{ sessionSeconds: 0 }, /sessionSeconds must be a whole number/],
    [{ sessionSeconds: 1.5 }, /sessionSeconds must be a whole number/],
    [{ sessionSeconds: 60, toString: 1 }, /"toString" is not a switch/],
  ])('refuse %j, by the route and as an option, and change nothing', async (changes, message) => {
    const answer = await post(changes)
    expect(answer).toMatchObject({ status: 400, body: { message: expect.stringMatching(message) } })
    expect(await read()).toEqual(defaults)
    // The types refuse these values too.
    const options = Object({ switches: changes })
    await expect(startEmulator(options)).rejects.toThrow(message)
  })
})

describe('unknownMember', () => {
  it('answers {"data": null} by default, as SDK 1.7.0 documents', async () => {
    expect(await admin.members.retrieve({ id: 'mem_nobody' })).toEqual({ data: null })
  })

  it.each([
    ['member-not-found', 'No member found with this identifier.'],
    ['generic-message', 'There is no member with this identifier.'],
  ] as const)('%s answers a 404 with this code, by id and by email', async (code, message) => {
    emulator.setSwitches({ unknownMember: code })
    const expected = { code, message }
    await expect(admin.members.retrieve({ id: 'mem_nobody' })).rejects.toEqual(expected)
    await expect(admin.members.retrieve({ email: 'nobody@example.com' })).rejects.toEqual(expected)
    const headers = { 'x-api-key': emulator.secretKey }
    const answer = await call('GET', `${emulator.adminUrl}/members/mem_nobody`, { headers })
    expect([answer.status, answer.body]).toEqual([404, expected])
    expect((await admin.members.retrieve({ id: 'mem_bob' })).data?.id).toBe('mem_bob')
  })
})

describe('invalidTokenStatus', () => {
  it.each([400, 401] as const)('%i is the status of INVALID_TOKEN', async (status) => {
    emulator.setSwitches({ invalidTokenStatus: status })
    const { accessToken } = await emulator.issueTokens({ expiresInSeconds: -1 })
    for (const token of [accessToken, 'rubbish']) {
      const answer = await call('POST', `${emulator.adminUrl}/members/verify-token`, {
        body: { token },
        headers: { 'x-api-key': emulator.secretKey },
      })
      expect(answer).toMatchObject({ status, body: { code: 'INVALID_TOKEN' } })
    }
  })
})

function open(): DomPage {
  const page = openPage(sdk, emulator)
  pages.push(page)
  return page
}

async function signIn(member: PasswordMember): Promise<DomPage> {
  const page = open()
  await page.memberstack.loginMemberEmailPassword({ email: member.email, password: member.password })
  return page
}

const currentId = async ({ memberstack }: DomPage): Promise<string | null> =>
  (await memberstack.getCurrentMember()).data?.id ?? null

describe('concurrentLogins, in two pages with @memberstack/dom', () => {
  it('allowed: both pages stay signed in', async () => {
    const [one, two] = [await signIn(ada), await signIn(ada)]
    expect([await currentId(one), await currentId(two)]).toEqual(['mem_ada', 'mem_ada'])
  })

  it('disabled: a login ends the earlier one, whose page drops its JWT without onAuthChange', async () => {
    emulator.setSwitches({ concurrentLogins: 'disabled' })
    const [one, other] = [await signIn(ada), await signIn(bob)]
    const seen: unknown[] = []
    one.memberstack.onAuthChange((member) => seen.push(member))
    expect(await currentId(one)).toBe('mem_ada')
    // The same second: the JWTs differ all the same.
    const two = await signIn(ada)
    expect(two.storedToken()).not.toBe(one.storedToken())
    expect([await currentId(one), await currentId(two), await currentId(other)]).toEqual([
      null,
      'mem_ada',
      'mem_bob',
    ])
    expect([one.storedToken(), seen]).toEqual([null, []])
    await expect(one.memberstack.updateMember({ customFields: {} })).rejects.toMatchObject({
      code: 'login-required',
    })
  })

  it('disabled: becoming so ends the logins of all members, and a login after it holds', async () => {
    const [one, other] = [await signIn(ada), await signIn(bob)]
    emulator.setSwitches({ concurrentLogins: 'disabled' })
    const again = await signIn(bob)
    expect([await currentId(one), await currentId(other), await currentId(again)]).toEqual([
      null,
      null,
      'mem_bob',
    ])
    emulator.setSwitches({ concurrentLogins: 'allowed' })
    expect(await currentId(await signIn(bob))).toBe('mem_bob')
    expect(await currentId(again)).toBe('mem_bob')
  })

  it('disabled: a JWT that a login has ended still verifies, as its signature is good', async () => {
    emulator.setSwitches({ concurrentLogins: 'disabled' })
    const token = (await signIn(ada)).storedToken()
    await signIn(ada)
    const answer = await call('POST', `${emulator.adminUrl}/members/verify-token`, {
      body: { token },
      headers: { 'x-api-key': emulator.secretKey },
    })
    expect(answer).toMatchObject({ status: 200, body: { data: { id: 'mem_ada' } } })
  })
})

describe('sessionSeconds', () => {
  it('is the life of a member JWT of a sign-in, and of one that a test issues', async () => {
    emulator.setSwitches({ sessionSeconds: 600 })
    const page = open()
    const { data } = await page.memberstack.loginMemberEmailPassword({
      email: ada.email,
      password: ada.password,
    })
    expect(data.tokens.expires).toBe((now + 600) * 1000)
    expect(decodeJwt(data.tokens.accessToken)).toMatchObject({ iat: now, exp: now + 600 })
    const { accessToken } = await emulator.issueTokens({ issuedSecondsAgo: 60 })
    expect(decodeJwt(accessToken)).toMatchObject({ iat: now - 60, exp: now + 540 })
    now += 599
    expect(await currentId(page)).toBe('mem_ada')
    now += 1
    expect(await currentId(page)).toBeNull()
    expect(page.storedToken()).toBeNull()
  })
})
