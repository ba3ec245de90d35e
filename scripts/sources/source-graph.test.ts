import { describe, expect, it } from 'vitest'
import { writtenFolder } from '../test/written-folder.ts'
import { findLoops } from './loops.ts'
import { below, isDoor, isTest, readSourceGraph, roomOf, withoutTests } from './source-graph.ts'

const arrowsOf = (texts: Readonly<Record<string, string>>) =>
  readSourceGraph(writtenFolder(texts)).arrows.map(({ from, to }) => `${from} -> ${to}`)

describe('the graph of a folder of sources', () => {
  it('finds the .ts file that a .js specifier names, up and down the folders', () => {
    expect(
      arrowsOf({
        'index.ts': "export { a } from './rooms/a.js'",
        'rooms/a.ts': "import { b } from '../b.js'\nexport const a = b",
        'b.ts': 'export const b = 1',
      }),
    ).toEqual(['index.ts -> rooms/a.ts', 'rooms/a.ts -> b.ts'])
  })

  it('counts type-only arrows, re-exports and dynamic imports', () => {
    expect(
      arrowsOf({
        'a.ts':
          "import type { T } from './t.js'\nexport { b } from './b.js'\nexport const c = () => import('./c.js')",
        'b.ts': 'export const b = 1',
        'c.ts': '',
        't.ts': 'export type T = 1',
      }).toSorted(),
    ).toEqual(['a.ts -> b.ts', 'a.ts -> c.ts', 'a.ts -> t.ts'])
  })

  it('leaves out packages and files that do not exist', () => {
    expect(arrowsOf({ 'a.ts': "import 'node:fs'\nimport 'express'\nimport './gone.js'" })).toEqual([])
  })

  it('leaves out what is installed and what is built', () => {
    const folder = writtenFolder({
      'a.ts': '',
      'node_modules/b/b.ts': '',
      'dist/a.d.ts': '',
      'dist/c.ts': '',
    })
    expect([...readSourceGraph(folder).files.keys()]).toEqual(['a.ts'])
  })

  it('can be had without tests and test kits', () => {
    const folder = writtenFolder({
      'a.ts': '',
      'a.test.ts': "import './a.js'",
      'a.contract.ts': '',
      'test/kit.ts': "import '../a.js'",
    })
    const graph = withoutTests(readSourceGraph(folder))
    expect([...graph.files.keys()]).toEqual(['a.ts'])
    expect(graph.arrows).toEqual([])
  })

  it('can be had for one folder, with paths of its own', () => {
    const folder = writtenFolder({
      'one/src/a.ts': "import './b.js'\nimport '../../two/c.js'",
      'one/src/b.ts': '',
      'two/c.ts': '',
    })
    const { files, arrows } = below('one/src', readSourceGraph(folder))
    expect([...files.values()].map(({ path }) => path)).toEqual(['a.ts', 'b.ts'])
    expect(arrows.map(({ from, to }) => `${from} -> ${to}`)).toEqual(['a.ts -> b.ts'])
  })

  it('names rooms, doors and tests by their paths', () => {
    expect(['a.ts', 'tokens/verify.ts', 'stores/redis/client.ts'].map(roomOf)).toEqual([
      '.',
      'tokens',
      'stores',
    ])
    expect(['index.ts', 'tokens/index.ts', 'stores/redis/index.ts', 'a.ts'].map(isDoor)).toEqual([
      true,
      true,
      false,
      false,
    ])
    expect(['a.test.ts', 'b/c.contract.ts', 'test/kit.ts', 'latest/a.ts'].map(isTest)).toEqual([
      true,
      true,
      true,
      false,
    ])
  })
})

describe('the loops of a graph', () => {
  const loopsOf = (...arrows: readonly string[]) =>
    findLoops(arrows.map((arrow) => ({ from: arrow.slice(0, 1), to: arrow.slice(1) })))

  it('are none where all arrows point one way', () => {
    expect(loopsOf('ab', 'bc', 'ac', 'dc')).toEqual([])
  })

  it('hold all that reach each other, and no others', () => {
    expect(loopsOf('ab', 'bc', 'ca', 'cd', 'de', 'ed', 'ef')).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ])
  })

  it('are one where two share a place', () => {
    expect(loopsOf('ab', 'ba', 'bc', 'cb')).toEqual([['a', 'b', 'c']])
  })

  it('are found behind a place that was visited before', () => {
    expect(loopsOf('ab', 'cb', 'cd', 'dc', 'be')).toEqual([['c', 'd']])
  })
})
