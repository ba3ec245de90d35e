import { describe, expect, it } from 'vitest'
import {
  boundCookieNames,
  createOriginCheck,
  createPageRules,
  readCookie,
  readPageToken,
  replaceCookies,
} from './cookies.js'

const name = '__Host-perennial'

/** Cookies that a sibling subdomain can set, or a client that is no browser can send, and that only look like ours. */
const lookalikes = [
  `\u00A0${name}=x`,
  `${name}\u00A0=x`,
  `\uFEFF${name}=x`,
  `\u200B${name}=x`,
  `\v${name}=x`,
  `\f${name}=x`,
  `\0${name}=x`,
  `${name} =x`,
  `${name}\t=x`,
  '__host-perennial=x',
  '__HOST-PERENNIAL=x',
  '%5F%5FHost-perennial=x',
  '__Host%2Dperennial=x',
  '\uFF3F\uFF3FHost-perennial=x',
  `"${name}"=x`,
  `$${name}=x`,
  `=${name}=x`,
  `a=b, ${name}=x`,
  `a="; b"=${name}=x`,
  `${name}-access=x`,
  `${name}.=x`,
  `${name}[]=x`,
  name,
  `${name}:x`,
]

describe('readCookie', () => {
  it.each(lookalikes)('takes %j for no cookie of ours, alone and beside the real one', (pair) => {
    expect(readCookie(pair, name)).toBeUndefined()
    expect(readCookie(`${pair}; ${name}=good`, name)).toBe('good')
    expect(readCookie(`${name}=good; ${pair}`, name)).toBe('good')
  })

  it('uses neither of two of one name, whatever their values and order', () => {
    for (const values of [
      ['a', 'b'],
      ['a', 'a'],
      ['', 'a'],
      ['a', ''],
    ])
      expect(readCookie(values.map((value) => `${name}=${value}`).join('; '), name)).toBe('')
  })

  it('returns the value as it was sent', () => {
    for (const value of ['"quoted"', 'a=b', '%41', ' a', 'a\u00A0'])
      expect(readCookie(`x=1;${name}=${value};y=2`, name)).toBe(value.replace(/[ \t]+$/, ''))
    expect(readCookie(undefined, name)).toBeUndefined()
    expect(readCookie('', name)).toBeUndefined()
  })
})

describe('replaceCookies', () => {
  it('takes out every cookie of the name, and leaves those that look like it to the app', () => {
    for (const pair of lookalikes.filter((one) => !one.includes('; ') && !one.startsWith(`${name}-access=`)))
      expect(replaceCookies(`${name}=old; ${pair}; ${name}=older`, { [name]: 'new' })).toBe(
        `${pair.replace(/^[ \t]+|[ \t]+$/g, '')}; ${name}=new`,
      )
  })

  it('leaves no empty pair', () => {
    expect(replaceCookies(`; a=b;; ${name}=old; ;\t`, { [name]: 'new' })).toBe(`a=b; ${name}=new`)
    expect(replaceCookies(undefined, { [name]: 'new' })).toBe(`${name}=new`)
  })
})

describe('boundCookieNames', () => {
  it('names each cookie of ours once, and none that only looks like one', () => {
    const header = `${name}-bound-abcdefgh=1; ${name}-bound-abcdefgh=2; ${name}-bound-1234567=3; x${name}-bound-12345678=4; ${name}-bound-123456789=5`
    expect(boundCookieNames(header)).toEqual([`${name}-bound-abcdefgh`])
    expect(boundCookieNames(undefined)).toEqual([])
  })
})

describe('createOriginCheck', () => {
  it.each([
    ['https://app.example.com', 'app.example.com', true],
    ['https://app.example.com', 'APP.example.com:443', true],
    ['http://localhost', 'localhost:80', true],
    ['http://localhost:3000', 'localhost:3000', true],
    ['http://localhost', 'localhost:443', false],
    ['https://app.example.com', 'app.example.com:80', false],
    ['http://app.example.com', 'app.example.com', false],
    ['ftp://localhost', 'localhost', false],
    ['https://app.example.com/', 'app.example.com', false],
    ['https://evil.example', 'app.example.com', false],
    ['null', 'app.example.com', false],
    ['https://app.example.com', undefined, false],
    [undefined, 'app.example.com', false],
  ])('says of a page of %s on the host %s: %s', (origin, host, isOwn) => {
    const header = (wanted: string) => ({ origin, host })[wanted]
    expect(createOriginCheck([])({ header })).toBe(isOwn)
  })
})

describe('readPageToken', () => {
  const page = (method: string, headers: Readonly<Record<string, string>> = {}) => ({
    method,
    header: (wanted: string) => ({ cookie: `${name}-access=token`, ...headers })[wanted],
  })
  const rules = createPageRules(['https://pages.example'], () => 0)

  it.each(['GET', 'HEAD'])('reads the cookie of a page on %s', (method) => {
    expect(readPageToken(rules, { page: page(method) })).toBe('token')
  })

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'head'])(
    'reads it on %s from an allowed origin alone',
    (method) => {
      expect(readPageToken(rules, { page: page(method, { origin: 'https://pages.example' }) })).toBe('token')
      expect(readPageToken(rules, { page: page(method, { origin: 'https://evil.example' }) })).toBeUndefined()
      expect(readPageToken(rules, { page: page(method) })).toBeUndefined()
    },
  )

  it('finds none without a page, without a cookie, or in an empty one', () => {
    expect(readPageToken(rules, {})).toBeUndefined()
    expect(readPageToken(rules, { page: page('GET', { cookie: 'a=b' }) })).toBeUndefined()
    expect(readPageToken(rules, { page: page('GET', { cookie: `${name}-access=` }) })).toBeUndefined()
  })
})
