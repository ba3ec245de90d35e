import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import type { SharedAnswers } from './shared-answers.js'

/** One implementation under test. */
export interface SharedAnswersHarness {
  readonly answers: SharedAnswers
  /** Lets this many seconds pass for claims and kept answers. */
  pass(seconds: number): Promise<void>
  close(): Promise<void>
}

/** The contract of every {@link SharedAnswers}. Keys are made by the suite; the store may be shared between tests. */
export function describeSharedAnswers(name: string, open: () => Promise<SharedAnswersHarness>): void {
  describe(`SharedAnswers: ${name}`, () => {
    let harness: SharedAnswersHarness
    let answers: SharedAnswers
    let key: string

    beforeEach(async () => {
      harness = await open()
      answers = harness.answers
      key = crypto.randomUUID()
    })
    afterEach(() => harness.close())

    it('grants a claim to exactly one of many', async () => {
      const claims = await Promise.all(
        Array.from({ length: 20 }, (_, caller) => answers.claim(key, `owner ${String(caller)}`, 35)),
      )

      expect(claims.filter((claim) => claim === 'claimed')).toHaveLength(1)
      expect(claims.filter((claim) => claim === 'taken')).toHaveLength(19)
    })

    it('hands the kept answer to whoever comes later', async () => {
      await answers.claim(key, 'a', 35)
      await answers.settle(key, 'a', 'sealed', 30)

      expect(await answers.claim(key, 'b', 35)).toEqual({ settled: 'sealed' })
      expect(await answers.wait(key, 5)).toBe('sealed')
    })

    it('tells all who wait as soon as it is settled', async () => {
      await answers.claim(key, 'a', 35)
      const waiting = [answers.wait(key, 5), answers.wait(key, 5)]
      await answers.settle(key, 'a', 'sealed', 30)

      expect(await Promise.all(waiting)).toEqual(['sealed', 'sealed'])
    })

    it('tells those who wait and keeps nothing when it is settled for 0 s', async () => {
      await answers.claim(key, 'a', 35)
      const waiting = answers.wait(key, 5)
      // One round trip, so that a store with a wire has the waiter on its books.
      await answers.claim(key, 'b', 35)
      await answers.settle(key, 'a', 'sealed', 0)

      expect(await waiting).toBe('sealed')
      expect(await answers.claim(key, 'b', 35)).toBe('claimed')
    })

    it('tells those who wait that a claim was given up, and lets the next one claim', async () => {
      await answers.claim(key, 'a', 35)
      const waiting = answers.wait(key, 5)
      await answers.claim(key, 'b', 35)
      await answers.release(key, 'a')

      expect(await waiting).toBeNull()
      expect(await answers.claim(key, 'b', 35)).toBe('claimed')
    })

    it('lets those who wait go when their time is over', async () => {
      await answers.claim(key, 'a', 35)

      expect(await answers.wait(key, 0.02)).toBeNull()
    })

    it('does not let anyone wait where nothing is claimed', async () => {
      expect(await answers.wait(key, 600)).toBeNull()
    })

    it('ignores those who do not hold the claim', async () => {
      await answers.claim(key, 'a', 35)
      await answers.settle(key, 'b', 'forged', 30)
      await answers.release(key, 'b')

      expect(await answers.claim(key, 'c', 35)).toBe('taken')
      await answers.settle(key, 'a', 'sealed', 30)
      expect(await answers.claim(key, 'c', 35)).toEqual({ settled: 'sealed' })
    })

    it('lets another claim when the lease is over, and ignores the one who came too late', async () => {
      await answers.claim(key, 'a', 1)
      await harness.pass(1)

      expect(await answers.claim(key, 'b', 35)).toBe('claimed')
      await answers.settle(key, 'a', 'late', 30)
      expect(await answers.claim(key, 'c', 35)).toBe('taken')
    })

    it('forgets an answer when its time is over', async () => {
      await answers.claim(key, 'a', 35)
      await answers.settle(key, 'a', 'sealed', 1)
      await harness.pass(1)

      expect(await answers.claim(key, 'b', 35)).toBe('claimed')
    })

    it('keeps keys apart', async () => {
      await answers.claim(key, 'a', 35)

      expect(await answers.claim(`${key} other`, 'a', 35)).toBe('claimed')
    })
  })
}
