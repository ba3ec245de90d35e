import { describe, expect, it } from 'vitest'
import { causeOfExchange, describeCause, explainCode, KnownCause, nameForm } from './causes.js'
import { failure } from './failures.js'
import { HttpFailure } from './http-client.js'

const coded = (code: string, message = 'connect ECONNREFUSED hunter2') =>
  Object.assign(new Error(message), { code })

describe('describeCause', () => {
  it('finds the code behind an error of ours, and puts it in words', () => {
    const behind = (cause: unknown) => describeCause(failure('storeUnreachable', { cause }))
    expect(behind(new KnownCause('ECONNREFUSED'))).toBe('nothing listens at this address (ECONNREFUSED)')
    expect(behind(new KnownCause('SQLSTATE 53100'))).toBe('its disk is full (SQLSTATE 53100)')
    expect(behind(new KnownCause('no answer in time'))).toBe('no answer in time')
    expect(behind(coded('CERT_HAS_EXPIRED'))).toBe('its certificate has expired (CERT_HAS_EXPIRED)')
    expect(behind(Object.assign(new Error('full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 }))).toBe(
      'the disk is full (SQLite 13)',
    )
    expect(describeCause(new TypeError('fetch failed', { cause: coded('ENOTFOUND') }))).toMatch(
      /DNS.*ENOTFOUND/,
    )
  })

  it('takes nothing of a foreign message', () => {
    for (const error of [coded('a secret'), new Error('hunter2'), 'hunter2', { message: 'hunter2' }, null])
      expect(describeCause(failure('storeUnreachable', { cause: error }))).toBe('no answer')
    expect(explainCode('constructor')).toBe('constructor')
  })
})

describe('causeOfExchange', () => {
  it('names the code, the time limit, or what became of the connection', () => {
    const cause = coded('CERT_HAS_EXPIRED')
    expect(causeOfExchange(new HttpFailure('connect', false, { cause }), 5)).toMatch(
      /^its certificate has expired/,
    )
    expect(causeOfExchange(new HttpFailure('timeout', true), 5)).toBe('no answer within 5 s')
    expect(causeOfExchange(new HttpFailure('reset', true), 5)).toBe('the connection broke off')
    expect(causeOfExchange(new HttpFailure('too-large', true), 5)).toBe('the answer is too large')
  })
})

describe('nameForm', () => {
  it('says what a body is that should have been JSON', () => {
    expect(nameForm('\n <!doctype html>')).toBe(', HTML instead of JSON')
    expect(nameForm('')).toBe(', an empty answer')
    expect(nameForm('upstream timed out')).toBe(', text instead of JSON')
    expect(nameForm('{"data":')).toBe('')
  })
})
