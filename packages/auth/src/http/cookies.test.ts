import { describe, expect, it } from 'vitest'
import { readCookie, replaceCookies } from './cookies.js'

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
})
