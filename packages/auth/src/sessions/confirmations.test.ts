import { beforeEach, describe, expect, it } from 'vitest'
import { failure } from '../base/failures.js'
import { createConfirmations, type ConfirmationsOptions } from './confirmations.js'

let written: string[]
let failures: number
let release: (() => void) | undefined
let held: Promise<void> | undefined

const create = (options: Partial<ConfirmationsOptions> = {}) =>
  createConfirmations({
    store: {
      confirm: async (id, generation, at) => {
        written.push(`${id} ${generation} ${at}`)
        await held
        if (failures-- > 0) throw failure('storeUnreachable')
      },
    },
    clock: () => 1_000,
    ...options,
  })

beforeEach(() => {
  written = []
  failures = 0
  held = undefined
})
const hold = () => {
  held = new Promise((resolve) => {
    release = resolve
  })
}

describe('confirmations', () => {
  it('write the first sight of each generation, once', async () => {
    const confirmations = create()
    for (let sight = 0; sight < 100; sight++) confirmations.note('a', 1)
    confirmations.note('b', 1)
    confirmations.note('a', 2)
    await confirmations.flush()
    confirmations.note('a', 2)
    confirmations.note('a', 1)
    await confirmations.flush()
    expect(written).toEqual(['a 1 1000', 'b 1 1000', 'a 2 1000'])
  })

  it('try a failed write again at the next sight', async () => {
    failures = 2
    const confirmations = create()
    for (let sight = 0; sight < 4; sight++) {
      confirmations.note('a', 1)
      await confirmations.flush()
    }
    expect(written).toHaveLength(3)
  })

  it('after the failure of an older generation do not forget a newer one', async () => {
    hold()
    failures = 1
    const confirmations = create()
    confirmations.note('a', 1)
    confirmations.note('a', 2)
    release?.()
    await confirmations.flush()
    confirmations.note('a', 2)
    expect(written).toEqual(['a 1 1000', 'a 2 1000'])
  })

  it('bound the writes under way; a first sight beyond that waits for the next one', async () => {
    hold()
    const confirmations = create({ writesAtOnce: 2 })
    for (const id of ['a', 'b', 'c']) confirmations.note(id, 1)
    expect(written).toHaveLength(2)
    release?.()
    await confirmations.flush()
    confirmations.note('c', 1)
    expect(written).toHaveLength(3)
  })

  it('bound what they remember; what is forgotten costs one more write', async () => {
    const confirmations = create({ sessionsKept: 10 })
    for (let session = 0; session < 25; session++) confirmations.note(`s${session}`, 1)
    await confirmations.flush()
    confirmations.note('s24', 1)
    expect(written).toHaveLength(25)
    confirmations.note('s0', 1)
    expect(written).toHaveLength(26)
  })

  it('flush waits for the writes under way', async () => {
    hold()
    const confirmations = create()
    confirmations.note('a', 1)
    let flushed = false
    const flush = async () => {
      await confirmations.flush()
      flushed = true
    }
    const flushing = flush()
    await Promise.resolve()
    expect(flushed).toBe(false)
    release?.()
    await flushing
    expect(flushed).toBe(true)
  })
})
