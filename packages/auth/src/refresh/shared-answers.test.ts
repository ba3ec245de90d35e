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
})
