import { describe, expect, it } from 'vitest'
import { createBackground } from '../base/background.js'
import { silentTelemetry, type Telemetry } from '../telemetry/index.js'
import { authenticateAndFinish, createAfterAnswer, type AfterAnswerOptions } from './after-answer.js'
import type { Authenticated } from './perennial.js'

function setUp(options: Partial<AfterAnswerOptions> = {}) {
  const background = createBackground()
  let finish = () => {}
  const order: string[] = []
  background.add(new Promise<void>((resolve) => (finish = resolve)).then(() => order.push('work')))
  const after = createAfterAnswer({
    background,
    telemetry: silentTelemetry,
    afterAnswer: 'background',
    ...options,
  })
  return { after, background, order, finish: () => finish() }
}

/** Resolves when all that can happen without the work has happened. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('the work after an answer', () => {
  it('goes on by itself in a process that lives', async () => {
    const { after, order } = setUp()
    expect(await after.follow(Promise.resolve('answer'))).toBe('answer')
    expect(after.finish()).toBeNull()
    expect(order).toEqual([])
  })

  it('is done before the answer where the process may be frozen after it', async () => {
    const { after, order, finish } = setUp({ afterAnswer: 'await' })
    const answered = after.follow(Promise.resolve('answer')).then(() => order.push('answer'))
    await turn()
    expect(order).toEqual([])
    finish()
    await answered
    expect(order).toEqual(['work', 'answer'])
  })

  it('is done before a refusal too', async () => {
    const { after, order, finish } = setUp({ afterAnswer: 'await' })
    const refused = after.follow(Promise.reject(new Error('refused'))).catch(() => order.push('refusal'))
    await turn()
    finish()
    await refused
    expect(order).toEqual(['work', 'refusal'])
  })

  it('is handed to the platform with the answer, which does not wait for it', async () => {
    const given: Promise<unknown>[] = []
    const { after, order, finish } = setUp({ afterAnswer: 'await', waitUntil: (work) => given.push(work) })
    await after.follow(Promise.resolve('answer'))
    expect(order).toEqual([])
    expect(given).toHaveLength(1)
    finish()
    await given[0]
    expect(order).toEqual(['work'])
  })

  it('is handed to the platform of the request rather than to that of the process', async () => {
    const taken: string[] = []
    const { after } = setUp({ waitUntil: () => taken.push('process') })
    await after.follow(Promise.resolve('answer'), () => taken.push('request'))
    expect(after.finish(() => taken.push('request'))).toBeNull()
    expect(taken).toEqual(['request', 'request'])
  })

  it('is awaited if the platform does not take it', async () => {
    const { after, order, finish } = setUp({
      waitUntil: () => {
        throw new Error('no request is under way')
      },
    })
    const answered = after.follow(Promise.resolve('answer')).then(() => order.push('answer'))
    const finished = after.finish()?.then(() => order.push('answer'))
    await turn()
    expect(order).toEqual([])
    finish()
    await Promise.all([answered, finished])
    expect(order).toEqual(['work', 'answer', 'answer'])
  })

  it('includes what it began itself, and telemetry that is queued', async () => {
    const order: string[] = []
    const flush = async () => order.push('telemetry')
    const telemetry: Telemetry = { ...silentTelemetry, flush }
    const { after, background, finish } = setUp({ afterAnswer: 'await', telemetry })
    background.add(
      Promise.resolve().then(() => background.add(Promise.resolve().then(() => order.push('later')))),
    )
    finish()
    await after.follow(Promise.resolve('answer'))
    expect(order).toEqual(['later', 'telemetry'])
  })

  it('delays no answer by telemetry that fails', async () => {
    const telemetry: Telemetry = { ...silentTelemetry, flush: () => Promise.reject(new Error('down')) }
    const { after, finish } = setUp({ afterAnswer: 'await', telemetry })
    finish()
    expect(await after.follow(Promise.resolve('answer'))).toBe('answer')
  })

  it('costs no promise where nothing is under way', async () => {
    const { after, finish } = setUp({ afterAnswer: 'await' })
    finish()
    await after.follow(Promise.resolve('answer'))
    expect(after.finish()).toBeNull()
  })

  it('includes telemetry that is queued where no other work is under way', async () => {
    let flushed = 0
    const telemetry: Telemetry = { ...silentTelemetry, flush: async () => void flushed++ }
    const { after, finish } = setUp({ afterAnswer: 'await', telemetry })
    finish()
    await after.follow(Promise.resolve('answer'))
    await after.finish()
    expect(flushed).toBe(2)
  })
})

describe('the work after a request is authenticated', () => {
  const member: Authenticated = {
    user: { userId: 'mem_ada', email: 'ada@example.com', roles: [], customFields: {} },
    claims: { iss: 'perennial', iat: 1, exp: 2 },
  }
  const credentials = { authorization: 'Bearer a', memberstackToken: undefined }

  it('costs no promise in a process that lives', () => {
    const { after } = setUp()
    expect(authenticateAndFinish(() => member, after)(credentials)).toBe(member)
    const refused = new Error('refused')
    const refuse = authenticateAndFinish(() => {
      throw refused
    }, after)
    expect(() => refuse(credentials)).toThrow(refused)
  })

  it.each([
    ['at once', () => member],
    ['later', async () => member],
  ])('is done before the member is returned, who is known %s', async (_when, authenticate) => {
    const { after, order, finish } = setUp({ afterAnswer: 'await' })
    const found = Promise.resolve(authenticateAndFinish(authenticate, after)(credentials))
    const returned = found.then((result) => (order.push('member'), result))
    await turn()
    expect(order).toEqual([])
    finish()
    expect(await returned).toBe(member)
    expect(order).toEqual(['work', 'member'])
  })

  it('is done before the refusal is thrown', async () => {
    const { after, order, finish } = setUp({ afterAnswer: 'await' })
    const refuse = authenticateAndFinish(() => {
      throw new Error('refused')
    }, after)
    const refused = Promise.resolve(refuse(credentials)).catch((error: Error) => order.push(error.message))
    await turn()
    expect(order).toEqual([])
    finish()
    await refused
    expect(order).toEqual(['work', 'refused'])
  })
})
