import { describe, expect, it } from 'vitest'
import { extraClaimsProblem } from './extra-claims.js'

describe('extra claims', () => {
  it('are an object of whatever JSON has a form for', () => {
    const good = [{}, { role: 'authenticated' }, { a: [1, null, true, { b: '' }] }, Object.create(null)]
    for (const claims of good) expect(extraClaimsProblem(claims)).toBeNull()
  })

  it('are no other value, and no object with a class', () => {
    for (const claims of [null, undefined, 'role', 7, ['role'], new Map(), new Date(0)])
      expect(extraClaimsProblem(claims), JSON.stringify(claims)).toBe(
        'is not a JSON object of claims, such as {"role":"authenticated"}',
      )
  })

  it('have none of the names that Perennial sets, and no empty name', () => {
    const names =
      'iss sub aud exp nbf iat jti client_id cnf sid gen mra epoch email email_verified roles customFields'
    for (const name of [...names.split(' '), ''])
      expect(extraClaimsProblem({ [name]: 1, role: 'x' }), name).toBe(
        `holds "${name}", which Perennial sets itself`,
      )
    expect(extraClaimsProblem({ exp: 1, iss: 'x' })).toBe('holds "exp", "iss", which Perennial sets itself')
    expect(extraClaimsProblem({ ISS: 1, subject: 2 })).toBeNull()
  })

  it('hold nothing that JSON would leave out or change', () => {
    const unfit = [undefined, Number.NaN, Infinity, 1n, () => 1, Symbol('s'), new Date(0), new Map()]
    for (const value of unfit) {
      expect(extraClaimsProblem({ ok: 1, bad: value }), typeof value).toBe(
        'holds bad, which JSON has no form for',
      )
      expect(extraClaimsProblem({ bad: [1, { deep: value }] })).toBe('holds bad, which JSON has no form for')
    }
    expect(extraClaimsProblem({ one: undefined, two: 1n })).toBe('holds one, two, which JSON has no form for')
    expect(extraClaimsProblem({ sparse: [1, undefined] })).toContain('sparse')
  })

  it('are at most 11 levels deep, so that a loop of references ends', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 'end' : [nested(levels - 1)])
    expect(extraClaimsProblem({ deep: nested(11) })).toBeNull()
    expect(extraClaimsProblem({ deep: nested(12) })).toContain('deep')
    const loop: { self?: unknown } = {}
    loop.self = loop
    expect(extraClaimsProblem({ loop })).toContain('loop')
  })

  it('have at most 2,048 bytes of JSON in UTF-8', () => {
    const room = 2_048 - '{"a":""}'.length
    expect(extraClaimsProblem({ a: 'x'.repeat(room) })).toBeNull()
    expect(extraClaimsProblem({ a: 'é'.repeat(room / 2) })).toBeNull()
    expect(extraClaimsProblem({ a: 'x'.repeat(room + 1) })).toBe('has 2049 bytes of JSON; at most 2048 fit')
    expect(extraClaimsProblem({ a: 'é'.repeat(room / 2 + 1) })).toBe(
      'has 2050 bytes of JSON; at most 2048 fit',
    )
  })
})
