import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memberHeaders } from './verify-route.js'

const member = { userId: 'mem_ada', email: 'ada@example.com', roles: ['user', 'admin'], customFields: {} }

/** Replaces half surrogate pairs, as UTF-8 does. */
const wellFormed = (text: string) => Buffer.from(text).toString()

describe('memberHeaders', () => {
  it('names the member, the address and the roles as oauth2-proxy does', () => {
    expect(memberHeaders(member)).toEqual({
      'x-auth-request-user': 'mem_ada',
      'x-auth-request-email': 'ada@example.com',
      'x-auth-request-groups': 'user,admin',
    })
  })

  it('encodes what is not visible ASCII, and a comma inside a role', () => {
    const email = 'jörg "x" <a+b@example.com>'
    const roles = ['a,b', 'Größe', '100%', 'x\r\nSet-Cookie: a=b', '\ud800']
    expect(memberHeaders({ ...member, email, roles })).toMatchObject({
      'x-auth-request-email': 'j%C3%B6rg%20"x"%20<a+b@example.com>',
      'x-auth-request-groups': 'a%2Cb,Gr%C3%B6%C3%9Fe,100%25,x%0D%0ASet-Cookie:%20a=b,%EF%BF%BD',
    })
  })

  it('gives every role back when it is split and decoded, and nothing but visible ASCII', () => {
    const role = fc.oneof(fc.string({ minLength: 1 }), fc.string({ unit: 'binary', minLength: 1 }))
    fc.assert(
      fc.property(fc.array(role, { minLength: 1 }), (roles) => {
        const text = memberHeaders({ ...member, roles })['x-auth-request-groups'] ?? ''
        expect(text).toMatch(/^[\x21-\x7e]*$/)
        expect(text.split(',').map(decodeURIComponent)).toEqual(roles.map(wellFormed))
      }),
    )
  })
})
