import { describe, expect, it } from 'vitest'

import { checkRoleNames, checkRoles, createRoleCheck } from './roles.js'
import type { Authenticated } from './perennial.js'

const member = (claims: object = { sid: 's1' }): Authenticated => ({
  user: { userId: 'mem_ada', email: 'ada@example.com', roles: ['user', 'editor'], customFields: {} },
  claims: { iss: 'perennial', iat: 1, exp: 2, ...claims },
})

describe('the names of roles', () => {
  it('are texts, and one at least', () => {
    expect(() => checkRoleNames(['admin'])).not.toThrow()
    expect(() => checkRoleNames(['admin', 'owner'])).not.toThrow()
    for (const roles of [[], [''], ['admin', ''], [7], ['admin', undefined], [['admin']]])
      expect(() => checkRoleNames(roles)).toThrow(
        new TypeError(
          "requireRoles() needs at least one role, each a string: requireRoles('admin', 'owner')",
        ),
      )
  })
})

describe('a check of roles', () => {
  it('refuses such names when it is created, and a request that nobody authenticated', () => {
    expect(() => createRoleCheck([])).toThrow(TypeError)
    const refusal = createRoleCheck(['admin'])({})
    expect(refusal?.status).toBe(401)
    expect(JSON.parse(refusal?.body ?? '')).toMatchObject({ code: 'AUTH_TOKEN_MISSING' })
  })
})

describe('a member', () => {
  const check = (authenticated: Authenticated, roles: readonly string[], requestId?: string) => {
    const told: unknown[] = []
    const emitFailure = (...failure: unknown[]) => void told.push(failure)
    let thrown: unknown
    try {
      checkRoles(authenticated, roles, { emitFailure, requestId })
    } catch (error) {
      thrown = error
    }
    return { told, thrown }
  }

  it('is admitted with one of the roles', () => {
    expect(check(member(), ['owner', 'editor'], 'r1')).toEqual({ told: [], thrown: undefined })
  })

  it('is refused without one, and the refusal is told once, with the session where there is one', () => {
    const { told, thrown } = check(member(), ['owner', 'edit', 'User'], 'r1')
    expect(thrown).toMatchObject({ code: 'AUTH_ROLE_INSUFFICIENT', status: 403 })
    expect(Object(thrown).subject).toStrictEqual({ memberId: 'mem_ada', sessionId: 's1' })
    expect(told).toEqual([[thrown, 'r1']])
    for (const claims of [{}, { sid: 7 }])
      expect(Object(check(member(claims), ['owner'], 'r1').thrown).subject).toStrictEqual({
        memberId: 'mem_ada',
      })
  })

  it('is told of under an id of its own where the request has none', () => {
    const [[, requestId] = []] = Object(check(member(), ['owner']).told)
    expect(requestId).toMatch(/^[\da-f-]{36}$/)
  })
})
