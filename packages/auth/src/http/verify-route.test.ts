import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AuthRequest } from './auth-request.js'
import { createPageRules } from './cookies.js'
import { askedAbout, memberHeaders } from './verify-route.js'

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

  it('keeps a byte order mark at the start, encoded', () => {
    expect(memberHeaders({ ...member, email: '\ufeffa@example.com' })).toMatchObject({
      'x-auth-request-email': '%EF%BB%BFa@example.com',
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

describe('askedAbout', () => {
  const ask = (
    headers: Readonly<Record<string, string>>,
    isProxied: AuthRequest['isProxied'] | null = () => true,
    address: string | null = 'https://app.example.com/v1/auth/verify',
  ) =>
    askedAbout({
      method: 'GET',
      path: '/verify',
      requestId: 'r',
      url: address === null ? undefined : () => address,
      isProxied: isProxied ?? undefined,
      header: (name) => headers[name],
      readBody: async () => ({ kind: 'bytes', bytes: new Uint8Array() }),
    })
  const forwarded = { 'x-forwarded-method': 'POST', 'x-forwarded-uri': '/projects?a=b' }

  it('is the request in the headers of a trusted proxy, and itself without one of them', () => {
    const { method, url } = ask(forwarded)
    expect([method, url?.()]).toEqual(['POST', 'https://app.example.com/projects?a=b'])
    const itself = [
      ask(forwarded, null),
      ask(forwarded, () => false),
      ask({ 'x-forwarded-method': 'POST' }),
      ask({ 'x-forwarded-uri': '/projects' }),
      ask({}),
    ]
    for (const { method, url } of itself)
      expect([method, url?.()]).toEqual(['GET', 'https://app.example.com/v1/auth/verify'])
  })

  it('is at no address if the path is none, so that no proof is for it', () => {
    for (const uri of [
      '',
      'projects',
      '@evil.example/',
      '.evil.example/',
      'https://evil.example/',
      ':8080/',
      ' /',
    ])
      expect(ask({ ...forwarded, 'x-forwarded-uri': uri }).url?.(), uri).toBe('')
    expect(ask({ ...forwarded, 'x-forwarded-uri': '//evil.example/' }).url?.()).toBe(
      'https://app.example.com//evil.example/',
    )
  })

  it('is at the origin at which the proxy asks, and at none if that is not known', () => {
    const at = (address: string | null) => ask(forwarded, () => true, address).url?.()
    expect(at('http://localhost:8080/v1/auth/verify')).toBe('http://localhost:8080/projects?a=b')
    for (const address of ['', '/v1/auth/verify', 'file:///v1', null]) expect(at(address)).toBe('')
  })

  it('does not let a cookie count for the POST of another site, although the question is a GET', () => {
    const rules = createPageRules([], () => 0)
    const from = (origin: string) => ({ ...forwarded, host: 'app.example.com', origin })
    expect(rules.mayRead(ask(from('https://app.example.com')))).toBe(true)
    expect(rules.mayRead(ask(from('https://other.example.com')))).toBe(false)
    expect(rules.mayRead(ask(forwarded))).toBe(false)
    expect(rules.mayRead(ask({ ...forwarded, 'x-forwarded-method': 'GET' }))).toBe(true)
  })
})
