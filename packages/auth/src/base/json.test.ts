import { describe, expect, it } from 'vitest'
import { field, isJsonObject, parseJsonObject } from './json.js'

describe('parseJsonObject', () => {
  it('takes objects alone', () => {
    expect(parseJsonObject('{"a":[1]}')).toEqual({ a: [1] })
    for (const text of [
      '',
      ' ',
      'null',
      '1',
      '"a"',
      '[]',
      'true',
      '{',
      '{"a":1}}',
      '{a:1}',
      'undefined',
      'NaN',
    ])
      expect(parseJsonObject(text), text).toBeNull()
  })
})

describe('isJsonObject', () => {
  it('tells objects from lists, scalars and null', () => {
    expect(isJsonObject({})).toBe(true)
    for (const value of [null, undefined, [], '', 0, true]) expect(isJsonObject(value)).toBe(false)
  })
})

describe('field', () => {
  it('is an own field, never an inherited one', () => {
    expect(field({ a: 1 }, 'a')).toBe(1)
    for (const name of ['b', 'toString', 'constructor', '__proto__'])
      expect(field({ a: 1 }, name)).toBeUndefined()
    expect(field(null, 'a')).toBeUndefined()
  })

  it('is found under a name that every object inherits, where the text has it', () => {
    expect(field(parseJsonObject('{"__proto__":{"a":1}}'), '__proto__')).toEqual({ a: 1 })
    expect(field(parseJsonObject('{"__proto__":{"a":1}}'), 'a')).toBeUndefined()
    expect(field(parseJsonObject('{"toString":7}'), 'toString')).toBe(7)
  })
})
