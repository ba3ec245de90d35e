import { describe, expect, it } from 'vitest'
import { readSourceGraph } from '../sources/source-graph.ts'
import { writtenFolder } from '../test/written-folder.ts'
import { checkDocComments } from './doc-comments.ts'
import { compareWithKnown } from './known-findings.ts'
import { findUnusedExports } from './unused-exports.ts'

describe('exports that nobody imports', () => {
  const unusedIn = (texts: Readonly<Record<string, string>>, ...doors: readonly string[]) =>
    findUnusedExports(readSourceGraph(writtenFolder(texts)), new Set(doors)).map(
      ({ path, line, key }) => `${path}:${line} ${key.split(' ').at(-1)}`,
    )

  it('are found, except in the doors of the package', () => {
    const texts = {
      'index.ts': "export { a } from './a.js'",
      'a.ts': 'export const a = 1\nexport const b = 2',
    }
    expect(unusedIn(texts, 'index.ts')).toEqual(['a.ts:2 b'])
    expect(unusedIn(texts)).toEqual(['a.ts:2 b', 'index.ts:1 a'])
  })

  it('are not those that a test imports, or that are renamed on the way', () => {
    const texts = {
      'a.ts': 'export const a = 1\nexport const b = 2',
      'a.test.ts': "import { a } from './a.js'",
      'c.test.ts': "import { b as c } from './a.js'",
    }
    expect(unusedIn(texts)).toEqual([])
  })

  it('are not types, nor those of a file that is imported as a whole', () => {
    expect(unusedIn({ 'a.ts': 'export type A = 1\nexport interface B {}' })).toEqual([])
    expect(unusedIn({ 'a.ts': 'export const a = 1', 'b.ts': "void import('./a.js')" })).toEqual([])
    expect(unusedIn({ 'a.ts': 'export const a = 1', 'b.ts': "import * as all from './a.js'" })).toEqual([])
  })
})

describe('the first word of a doc comment', () => {
  const findingsIn = (text: string) =>
    checkDocComments(readSourceGraph(writtenFolder({ 'a.ts': text }))).map(
      ({ path, line }) => `${path}:${line}`,
    )

  it.each(['What', 'Whether', 'How', 'Who', 'Whoever'])('is not %s', (word) => {
    expect(findingsIn(`/** ${word} a token is. */`)).toEqual(['a.ts:1'])
    expect(findingsIn(`\n/**\n * ${word} a token is.\n */`)).toEqual(['a.ts:2'])
  })

  it('may be a longer word, and may be any word in other comments', () => {
    expect(findingsIn('/** Whole numbers. */\n/** However. */\n// What a token is.\n/* How so. */')).toEqual(
      [],
    )
    expect(findingsIn("/** Returns what a token is. */\nexport const text = '/** What */'")).toEqual([])
  })
})

describe('the list of known findings', () => {
  const found = (...keys: readonly string[]) =>
    keys.map((key) => ({ key, path: 'a.ts', line: 1, message: '' }))
  const unknownKeys = (keys: readonly string[], list: string) =>
    compareWithKnown(found(...keys), list).unknown.map(({ key }) => key)

  it('accepts what it lists and nothing else', () => {
    expect(
      unknownKeys(['arrow: a -> b', 'arrow: a -> b', 'arrow: b -> a'], '# known\narrow: a -> b\n'),
    ).toEqual(['arrow: b -> a'])
  })

  it('accepts no more than the number that it gives', () => {
    expect(unknownKeys(['doc', 'doc'], 'doc: 2')).toEqual([])
    expect(unknownKeys(['doc', 'doc', 'doc'], 'doc: 2')).toEqual(['doc', 'doc', 'doc'])
  })

  it('reports lines that list more than there is, and drops or lowers them', () => {
    const list = '# known\narrow: a -> b\narrow: b -> c\ndoc: 3\n'
    const { outdated, shrunk } = compareWithKnown(found('arrow: b -> c', 'doc'), list)
    expect(outdated).toEqual(['arrow: a -> b', 'doc: 3'])
    expect(shrunk).toBe('# known\narrow: b -> c\ndoc: 1\n')
  })

  it.each(['doc: 4\ndoc: 3\n', 'doc: 3\ndoc: 4\n', 'doc: 3\ndoc: 3\n'])(
    'holds to the lowest of the lines that a merge leaves for one key, and keeps that one: %j',
    (list) => {
      const exact = compareWithKnown(found('doc', 'doc', 'doc'), list)
      expect(exact).toEqual({ unknown: [], outdated: [], shrunk: 'doc: 3\n' })
      expect(unknownKeys(['doc', 'doc', 'doc', 'doc'], list)).toHaveLength(4)
      const fewer = compareWithKnown(found('doc', 'doc'), list)
      expect(fewer).toEqual({ unknown: [], outdated: ['doc: 3'], shrunk: 'doc: 2\n' })
    },
  )

  it('never grows', () => {
    const list = 'doc: 1\n'
    expect(compareWithKnown(found('doc', 'doc', 'arrow: a -> b'), list)).toMatchObject({
      outdated: [],
      shrunk: list,
    })
  })
})
