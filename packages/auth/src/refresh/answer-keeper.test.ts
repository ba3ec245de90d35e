import { describe, expect, it } from 'vitest'
import { createAnswerKeeper } from './answer-keeper.js'
import type { SharedAnswers } from './shared-answers.js'

const claim = { key: 'k', owner: 'o' }
const answersThat = (change: Partial<SharedAnswers>): SharedAnswers => ({
  claim: async () => 'claimed',
  wait: async () => null,
  settle: async () => {},
  release: async () => {},
  ...change,
})

describe('an answer', () => {
  it('is kept under its claim, once', async () => {
    const kept: unknown[] = []
    const keeper = createAnswerKeeper(answersThat({ settle: async (...given) => void kept.push(given) }))
    await keeper.keep(claim, 'sealed', 30)
    expect(kept).toEqual([['k', 'o', 'sealed', 30]])
  })

  it('that the store does not take is offered again only while it would have been kept', async () => {
    let tries = 0
    const settle = () => Promise.reject(new Error(`down ${tries++}`))
    await createAnswerKeeper(answersThat({ settle })).keep(claim, 'sealed', 0.01)
    expect(tries).toBe(1)
  })

  it('that waits for the store is given up when all is closed', async () => {
    let tries = 0
    const settle = () => Promise.reject(new Error(`down ${tries++}`))
    const keeper = createAnswerKeeper(answersThat({ settle }))
    const kept = keeper.keep(claim, 'sealed', 600)
    await keeper.close()
    await kept
    expect(tries).toBe(1)
  })
})

it('gives a claim up, also while the store is down', async () => {
  const released: unknown[] = []
  const release = async (...given: unknown[]) => {
    released.push(given)
    throw new Error('down')
  }
  await createAnswerKeeper(answersThat({ release })).giveUp(claim)
  expect(released).toEqual([['k', 'o']])
})

it('closes when the work that it tracks is done, whether that fails or not', async () => {
  const keeper = createAnswerKeeper(answersThat({}))
  await keeper.close()
  let end = () => {}
  const work = keeper.track(new Promise<void>((resolve) => (end = resolve)))
  const failing = keeper.track(Promise.reject(new Error('of the work')))
  let isClosed = false
  const closed = keeper.close().then(() => (isClosed = true))
  await expect(failing).rejects.toThrow('of the work')
  expect(isClosed).toBe(false)
  end()
  await work
  await closed
})
