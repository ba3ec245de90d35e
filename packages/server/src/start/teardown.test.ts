import { describe, expect, it } from 'vitest'
import { createTeardown } from './teardown.js'

describe('createTeardown', () => {
  it('ends what was started last first, and each only once', async () => {
    const ended: string[] = []
    const teardown = createTeardown(() => {})
    for (const part of ['store', 'app']) teardown.add(() => Promise.resolve(void ended.push(part)))
    await Promise.all([teardown.run(), teardown.run()])
    await teardown.run()
    expect(ended).toEqual(['app', 'store'])
  })

  it('ends the rest when one does not end well, and says so', async () => {
    const ended: string[] = []
    const failures: unknown[] = []
    const teardown = createTeardown((error) => void failures.push(error))
    teardown.add(() => Promise.resolve(void ended.push('store')))
    teardown.add(() => Promise.reject(new Error('stuck')))
    await teardown.run()
    expect(ended).toEqual(['store'])
    expect(failures).toEqual([new Error('stuck')])
  })

  it('ends the rest when one throws at once', async () => {
    const ended: string[] = []
    const teardown = createTeardown(() => {})
    teardown.add(() => Promise.resolve(void ended.push('store')))
    teardown.add(() => {
      throw new Error('at once')
    })
    await teardown.run()
    expect(ended).toEqual(['store'])
  })
})
