import { describe, expect, it } from 'vitest'
import { describeOldNode, readMinimum } from './process.js'

describe('describeOldNode', () => {
  it.each(['22.19.0', '22.20.1', '23.0.0', '24.21.0', '100.0.0'])('accepts %s', (version) => {
    expect(describeOldNode(version, '22.19')).toBeNull()
  })

  it.each(['22.18.9', '22.5.0', '20.99.0', '9.30.0'])('names the minimum for %s', (version) => {
    expect(describeOldNode(version, '22.19')).toBe(
      `Node ${version} is too old: Perennial needs Node 22.19 or later.`,
    )
  })

  it('takes the minimum from package.json', () => {
    expect(readMinimum()).toMatch(/^\d+\.\d+$/)
  })
})
