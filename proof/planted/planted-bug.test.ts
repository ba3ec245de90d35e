import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { plant } from './planted-bug.ts'
import { plantedBugs } from './planted-bugs.ts'

it('every bug can be planted in the source as it is, and has a name of its own', () => {
  for (const bug of plantedBugs) {
    const text = readFileSync(new URL(`../../${bug.file}`, import.meta.url), 'utf8')
    expect(plant(bug, text), bug.name).not.toBe(text)
  }
  expect(new Set(plantedBugs.map(({ name }) => name)).size).toBe(plantedBugs.length)
})

it('a bug whose text is gone, or stands there twice, is an error', () => {
  const bug = { name: 'b', world: 'w', file: 'f', replace: 'one', by: 'two' }
  expect(plant(bug, 'one')).toBe('two')
  for (const text of ['', 'one one']) expect(() => plant(bug, text)).toThrow('exactly once')
})
