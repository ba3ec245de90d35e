import { describe, expect, it } from 'vitest'
import type { VerifiedToken } from '../tokens/verified-token-cache.js'
import type { Member, MemberReading, ReadMemberOptions } from './member.js'
import { createUserContext, type UserContext, type UserContextOptions } from './user-context.js'

const down: MemberReading = { kind: 'unavailable', retryAfterSeconds: 7 }

function member(changes: Partial<Member> = {}): Member {
  const userId = 'mem_ada'
  const customFields = { company: 'Analytical Engines' }
  return { userId, email: 'ada@example.com', roles: ['user'], customFields, activePlanIds: [], ...changes }
}

interface Asked {
  readonly memberId: string
  readonly options: ReadMemberOptions
}

/** An admin API whose answers a test gives, at once or when it likes. */
function createWorld(changes: Partial<UserContextOptions> = {}) {
  let now = 10_000
  const asked: Asked[] = []
  const clock = () => now
  const world = {
    asked,
    clock,
    at: (seconds: number) => (now = seconds),
    answer: (memberId: string): Promise<MemberReading> =>
      Promise.resolve({ kind: 'found', member: member({ userId: memberId }), readAt: now }),
  }
  const admin = {
    readMember: (memberId: string, options: ReadMemberOptions) => {
      asked.push({ memberId, options })
      return world.answer(memberId)
    },
  }
  const random = () => 0.5
  const context = createUserContext({
    admin,
    clock,
    cacheSeconds: 300,
    staleSeconds: 3600,
    random,
    ...changes,
  })
  return { ...world, world, context }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

/** Returns the result of a read: the user or the error's code, and true if it was there at once. */
async function outcomeOf(context: UserContext, memberId = 'mem_ada') {
  try {
    const user = context.contextOf(memberId)
    return { when: user instanceof Promise ? 'later' : 'at once', user: await user }
  } catch (error) {
    return error
  }
}

describe('who a member is', () => {
  it('is asked once and then there at once', async () => {
    const { context, asked } = createWorld()
    const user = {
      userId: 'mem_ada',
      email: 'ada@example.com',
      roles: ['user'],
      customFields: { company: 'Analytical Engines' },
    }
    expect(await outcomeOf(context)).toEqual({ when: 'later', user })
    expect(await outcomeOf(context)).toEqual({ when: 'at once', user })
    expect(asked).toEqual([{ memberId: 'mem_ada', options: { waitSeconds: 5 } }])
  })

  it('is asked once for a hundred callers', async () => {
    const { context, asked } = createWorld()
    await Promise.all(Array.from({ length: 100 }, () => outcomeOf(context)))
    expect(asked).toHaveLength(1)
  })

  it('cannot be changed by those who get it', async () => {
    const { context } = createWorld()
    const user = await context.contextOf('mem_ada')
    expect(() => Object.assign(user, { userId: 'mem_eve' })).toThrow(TypeError)
    expect(() => Object.assign(user.roles, ['admin'])).toThrow(TypeError)
    expect(() => Object.assign(user.customFields, { company: 'x' })).toThrow(TypeError)
  })

  it('is served for the cache seconds and asked again in the second they are over', async () => {
    const { context, asked, at, world } = createWorld({ random: () => 1 })
    await context.contextOf('mem_ada')
    world.answer = () =>
      Promise.resolve({ kind: 'found', member: member({ roles: ['admin'] }), readAt: world.clock() })
    at(10_284)
    expect(await outcomeOf(context)).toMatchObject({ when: 'at once', user: { roles: ['user'] } })
    expect(asked).toHaveLength(1)
    at(10_300)
    expect(await outcomeOf(context)).toMatchObject({ when: 'later', user: { roles: ['admin'] } })
    expect(asked).toHaveLength(2)
  })

  it('is renewed in the background before it expires, once, while the old answer serves', async () => {
    const { context, asked, at, world } = createWorld()
    await context.contextOf('mem_ada')
    world.answer = () =>
      Promise.resolve({ kind: 'found', member: member({ roles: ['admin'] }), readAt: world.clock() })
    at(10_254)
    await outcomeOf(context)
    expect(asked).toHaveLength(1)
    at(10_255)
    expect(await outcomeOf(context)).toMatchObject({ when: 'at once', user: { roles: ['user'] } })
    await outcomeOf(context)
    await settle()
    expect(asked).toHaveLength(2)
    at(10_300)
    expect(await outcomeOf(context)).toMatchObject({ when: 'at once', user: { roles: ['admin'] } })
  })

  it('is renewed at a time of its own for each of those read together', async () => {
    let turn = 0
    const { context, asked, at } = createWorld({ random: () => (turn++ % 100) / 100 })
    const ids = Array.from({ length: 100 }, (_, index) => `mem_${index}`)
    await Promise.all(ids.map((id) => outcomeOf(context, id)))
    const renewalsBy = async (seconds: number) => {
      at(seconds)
      await Promise.all(ids.map((id) => outcomeOf(context, id)))
      await settle()
      return asked.length - 100
    }
    expect(await renewalsBy(10_224)).toBe(0)
    expect(await renewalsBy(10_255)).toBeGreaterThan(40)
    expect(await renewalsBy(10_255)).toBeLessThan(60)
    expect(await renewalsBy(10_285)).toBe(100)
  })
})

describe('while the admin API is away', () => {
  it('the last known answer serves until the stale seconds are over, to the second', async () => {
    const { context, at, world } = createWorld()
    await context.contextOf('mem_ada')
    world.answer = () => Promise.resolve(down)
    at(10_300)
    expect(await outcomeOf(context)).toMatchObject({ user: { userId: 'mem_ada' } })
    at(13_599.9)
    expect(await outcomeOf(context)).toMatchObject({ user: { userId: 'mem_ada' } })
    at(13_600)
    expect(await outcomeOf(context)).toMatchObject({
      code: 'AUTH_UNAVAILABLE',
      status: 503,
      retryable: true,
      retryAfterSeconds: 7,
    })
  })

  it('with something to fall back on, nobody waits for the quota more than a second, and few ask', async () => {
    const { context, asked, at, world } = createWorld()
    await context.contextOf('mem_ada')
    world.answer = () => Promise.resolve(down)
    at(10_300)
    expect(await outcomeOf(context)).toMatchObject({ when: 'later' })
    expect(asked[1]?.options).toEqual({ waitSeconds: 1 })
    at(10_306.9)
    expect(await outcomeOf(context)).toMatchObject({ when: 'at once' })
    expect(asked).toHaveLength(2)
    at(10_307)
    expect(await outcomeOf(context)).toMatchObject({ when: 'later' })
    expect(asked).toHaveLength(3)
  })

  it('nothing is made up for a member never seen', async () => {
    const { context, world } = createWorld()
    world.answer = () => Promise.resolve(down)
    expect(await outcomeOf(context)).toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    world.answer = () => Promise.resolve({ kind: 'found', member: member(), readAt: 10_000 })
    expect(await outcomeOf(context)).toMatchObject({ user: { userId: 'mem_ada' } })
  })

  it('a renewal that fails unexpectedly hurts nobody who has an answer', async () => {
    const { context, at, world } = createWorld()
    await context.contextOf('mem_ada')
    world.answer = () => Promise.reject(new Error('a bug'))
    at(10_290)
    expect(await outcomeOf(context)).toMatchObject({ when: 'at once' })
    await settle()
    at(10_299)
    expect(await outcomeOf(context)).toMatchObject({ when: 'at once' })
  })
})

describe('a member that does not exist', () => {
  it('is a 401 from then on, without a question at every request', async () => {
    const { context, asked, world } = createWorld()
    world.answer = () => Promise.resolve({ kind: 'deleted' })
    expect(await outcomeOf(context)).toMatchObject({ code: 'AUTH_USER_CONTEXT_INVALID', status: 401 })
    expect(await outcomeOf(context)).toMatchObject({ code: 'AUTH_USER_CONTEXT_INVALID' })
    expect(asked).toHaveLength(1)
  })

  it('stays so when an answer from before the news comes in late', async () => {
    const { context, at, world } = createWorld()
    let answer: (reading: MemberReading) => void = () => {}
    world.answer = () => new Promise((resolve) => (answer = resolve))
    const late = outcomeOf(context)
    at(10_001)
    context.remember('mem_ada', { kind: 'deleted' })
    answer({ kind: 'found', member: member(), readAt: 10_000 })
    await late
    expect(await outcomeOf(context)).toMatchObject({ code: 'AUTH_USER_CONTEXT_INVALID' })
  })
})

describe('news from elsewhere', () => {
  it('replaces what is kept', async () => {
    const { context, asked } = createWorld()
    await context.contextOf('mem_ada')
    context.remember('mem_ada', { kind: 'found', member: member({ roles: ['admin'] }), readAt: 10_001 })
    expect(await outcomeOf(context)).toMatchObject({ when: 'at once', user: { roles: ['admin'] } })
    expect(asked).toHaveLength(1)
  })

  it('changes nothing when it is older than what is kept', async () => {
    const { context } = createWorld()
    await context.contextOf('mem_ada')
    context.remember('mem_ada', { kind: 'found', member: member({ roles: ['admin'] }), readAt: 9_999 })
    expect(await outcomeOf(context)).toMatchObject({ user: { roles: ['user'] } })
  })

  it('tells what is known, and forgets it with the answer under way', async () => {
    const { context, asked, world } = createWorld()
    expect(context.knows('mem_ada')).toBe(false)
    const { answer } = world
    let release = () => {}
    world.answer = async (id) => {
      await new Promise<void>((resolve) => (release = resolve))
      return await answer(id)
    }
    const first = context.contextOf('mem_ada')
    expect(context.knows('mem_ada')).toBe(true)
    context.forget('mem_ada')
    release()
    await first
    expect(context.knows('mem_ada')).toBe(false)
    world.answer = answer
    await context.contextOf('mem_ada')
    expect(asked).toHaveLength(2)
  })

  it('is kept for a bounded number of members', async () => {
    const { context } = createWorld({ maxEntries: 10 })
    const ids = Array.from({ length: 1_000 }, (_, index) => `mem_${index}`)
    for (const id of ids) await context.contextOf(id)
    expect(ids.filter((id) => context.knows(id)).length).toBeLessThanOrEqual(20)
  })
})

describe('the user of a token', () => {
  const whole = { email: 'ada@token.example', roles: ['token'], customFields: { from: 'token' } }
  const token = (claims: Readonly<Record<string, unknown>>): VerifiedToken => ({
    kind: 'own',
    memberId: 'mem_ada',
    claims: { iss: 'perennial', iat: 1, exp: 2, ...claims },
    expiresAt: 2,
    kid: undefined,
    boundTo: null,
    user: null,
    userFrom: null,
  })

  it('is what the token says, without any question, and the same object each time', () => {
    const { context, asked } = createWorld()
    const verified = token(whole)
    const user = context.userOf(verified)
    expect(user).toEqual({ userId: 'mem_ada', ...whole })
    expect(context.userOf(verified)).toBe(user)
    expect(asked).toEqual([])
  })

  it('has an empty e-mail where a token of ours says so, as of a member who has no address', () => {
    const { context, asked } = createWorld()
    expect(context.userOf(token({ ...whole, email: '' }))).toMatchObject({ email: '' })
    expect(asked).toEqual([])
  })

  it('is looked up for a member JWT with an empty e-mail', async () => {
    const { context, asked } = createWorld()
    await context.userOf({ ...token({ ...whole, email: '' }), kind: 'member' })
    expect(asked).toHaveLength(1)
  })

  it('takes from the admin API only what the token lacks', async () => {
    const { context } = createWorld()
    const { customFields: _customFields, ...partial } = whole
    const user = { userId: 'mem_ada', ...partial, customFields: { company: 'Analytical Engines' } }
    const verified = token(partial)
    const first = await context.userOf(verified)
    expect(first).toEqual(user)
    expect(context.userOf(verified)).toBe(first)
  })

  it('follows what becomes known of the member, for a token that lacks something', async () => {
    const { context, at } = createWorld()
    const verified = token({})
    await context.userOf(verified)
    const readAt = at(10_001)
    const email = 'ada@news.example'
    context.remember('mem_ada', { kind: 'found', member: member({ email }), readAt })
    expect(context.userOf(verified)).toMatchObject({ email })
  })

  it.each([
    ['nothing', {}],
    ['an e-mail that is none', { ...whole, email: 7 }],
    ['an e-mail that is null', { ...whole, email: null }],
    ['roles that are no list', { ...whole, roles: 'admin' }],
    ['roles that are not all strings', { ...whole, roles: ['admin', null] }],
    ['custom fields that are a list', { ...whole, customFields: [] }],
    ['custom fields that are null', { ...whole, customFields: null }],
  ])('is looked up when the token holds %s', async (_name, claims) => {
    const { context, asked } = createWorld()
    expect(await context.userOf(token(claims))).toMatchObject({ userId: 'mem_ada' })
    expect(asked).toHaveLength(1)
  })

  it('cannot be had for an incomplete token when there is nobody to ask', async () => {
    const { context } = createWorld({ admin: undefined })
    await expect(context.userOf(token({}))).rejects.toMatchObject({ code: 'AUTH_USER_CONTEXT_INVALID' })
    expect(context.userOf(token(whole))).toMatchObject({ userId: 'mem_ada' })
  })
})
