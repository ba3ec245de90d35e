import { describe, expect, it } from 'vitest'

import { createMemorySharedAnswers } from './shared-answers.js'
import { describeSharedAnswers } from './shared-answers.contract.js'

describeSharedAnswers('memory', async () => {
  let now = 1_000
  return {
    answers: createMemorySharedAnswers({ clock: () => now }),
    pass: async (seconds) => void (now += seconds),
    close: async () => {},
  }
})

describe('createMemorySharedAnswers', () => {
  const keep = async (answers: ReturnType<typeof createMemorySharedAnswers>, key: string, sealed: string) => {
    await answers.claim(key, 'a', 35)
    await answers.settle(key, 'a', sealed, 30)
  }

  it('keeps an answer to the second', async () => {
    let now = 1_000
    const answers = createMemorySharedAnswers({ clock: () => now })
    await keep(answers, 'k', 'sealed')

    now = 1_029.999
    expect(await answers.claim('k', 'b', 35)).toEqual({ settled: 'sealed' })
    now = 1_030
    expect(await answers.claim('k', 'b', 35)).toBe('claimed')
  })

  it('drops the oldest answers beyond so many', async () => {
    const answers = createMemorySharedAnswers({ clock: () => 1_000, maxAnswers: 2 })
    for (const key of ['1', '2', '3']) await keep(answers, key, 'sealed')

    expect(await answers.claim('1', 'b', 35)).toBe('claimed')
    expect(await answers.claim('2', 'b', 35)).toEqual({ settled: 'sealed' })
    expect(await answers.claim('3', 'b', 35)).toEqual({ settled: 'sealed' })
  })

  it('drops the oldest answers beyond so many characters, and counts what it dropped', async () => {
    const answers = createMemorySharedAnswers({ clock: () => 1_000, maxCharacters: 20 })
    for (const key of ['1', '2', '3', '4']) await keep(answers, key, '0123456789')

    expect(await answers.claim('2', 'b', 35)).toBe('claimed')
    expect(await answers.claim('3', 'b', 35)).toEqual({ settled: '0123456789' })
    expect(await answers.claim('4', 'b', 35)).toEqual({ settled: '0123456789' })
  })

  it('never drops a claim to make room', async () => {
    const answers = createMemorySharedAnswers({ clock: () => 1_000, maxAnswers: 1 })
    await answers.claim('under way', 'a', 35)
    for (const key of ['1', '2', '3']) await keep(answers, key, 'sealed')

    expect(await answers.claim('under way', 'b', 35)).toBe('taken')
  })

  it('counts no answer that is kept for no time', async () => {
    const answers = createMemorySharedAnswers({ clock: () => 1_000, maxAnswers: 1 })
    await keep(answers, '1', 'sealed')
    await answers.claim('2', 'a', 35)
    await answers.settle('2', 'a', 'sealed', 0)
    expect(await answers.claim('1', 'b', 35)).toEqual({ settled: 'sealed' })
  })

  it('counts the characters of an answer once, however often it is renewed', async () => {
    let now = 1_000
    const answers = createMemorySharedAnswers({ clock: () => now, maxCharacters: 30 })
    for (let turn = 0; turn < 5; turn += 1) {
      await keep(answers, '1', '0123456789')
      now += 30
    }
    await keep(answers, '1', '0123456789')
    await keep(answers, '2', '0123456789')
    expect(await answers.claim('1', 'b', 35)).toEqual({ settled: '0123456789' })
    expect(await answers.claim('2', 'b', 35)).toEqual({ settled: '0123456789' })
  })

  it('has room for more than a few answers if nothing else is said', async () => {
    const answers = createMemorySharedAnswers({ clock: () => 1_000 })
    for (const key of ['1', '2', '3']) await keep(answers, key, 'x'.repeat(4_000))
    expect(await answers.claim('1', 'b', 35)).toEqual({ settled: 'x'.repeat(4_000) })
  })

  it('leaves nothing of an answer without a claim', async () => {
    const answers = createMemorySharedAnswers({ clock: () => 1_000 })
    await answers.settle('1', 'a', 'sealed', 30)
    await answers.release('1', 'a')
    expect(await answers.claim('1', 'a', 35)).toBe('claimed')
  })

  it('lets each caller wait for as long as it said', async () => {
    const answers = createMemorySharedAnswers({ clock: () => 1_000 })
    await answers.claim('1', 'a', 35)
    await answers.claim('2', 'a', 35)
    const patient = answers.wait('1', 600)
    expect(await answers.wait('2', 0.01)).toBeNull()
    await answers.settle('1', 'a', 'sealed', 30)
    expect(await patient).toBe('sealed')
  })

  it('tells those who waited for an owner that died what the next one finds', async () => {
    let now = 1_000
    const answers = createMemorySharedAnswers({ clock: () => now })
    await answers.claim('1', 'dead', 35)
    const waiting = answers.wait('1', 600)
    now += 35
    expect(await answers.wait('1', 600)).toBeNull()
    await answers.claim('1', 'a', 35)
    await answers.settle('1', 'a', 'sealed', 30)
    expect(await waiting).toBe('sealed')
  })
})
