import { describe, expect, it } from 'vitest'
import { readSourceGraph } from '../sources/source-graph.ts'
import { writtenFolder } from '../test/written-folder.ts'
import { checkRooms } from './room-rules.ts'
import { benchRooms, checkTable, roomTables } from './room-table.ts'

const table = { base: [], low: ['base'], high: ['base', 'low'], '.': ['low', 'high'] }

const rooms = {
  'base/clock.ts': 'export const clock = 1',
  'low/index.ts': "export { low } from './low.js'\nexport type { Low } from './low.js'",
  'low/low.ts': "import { clock } from '../base/clock.js'\nexport const low = clock\nexport type Low = 1",
  'high/index.ts': "export { high } from './high.js'",
  'high/high.ts': "import { low } from '../low/index.js'\nexport const high = low",
  'index.ts': "export { high } from './high/index.js'\nexport { low } from './low/index.js'",
}

/** Checks the rooms above after some files were added or replaced. */
const findingsOf = (changes: Readonly<Record<string, string>>) =>
  checkRooms(readSourceGraph(writtenFolder({ ...rooms, ...changes })), table)

const placesOf = (changes: Readonly<Record<string, string>>) =>
  findingsOf(changes).map(({ key, path, line }) => `${path}:${line} ${key}`)

describe('the rules of rooms', () => {
  it('accept rooms that import downwards, through doors', () => {
    expect(findingsOf({})).toEqual([])
  })

  it('refuse an arrow that the table does not list, and name file, line and what is allowed', () => {
    const [finding, ...others] = findingsOf({
      'low/up.ts': "\nimport { high } from '../high/index.js'\nvoid high",
    })
    expect(others).toEqual([])
    expect(finding).toMatchObject({ key: 'arrow: low -> high', path: 'low/up.ts', line: 2 })
    expect(finding?.message).toMatch(
      /imports high\/index\.ts: the arrow low -> high is forbidden.*may import base\./,
    )
  })

  it.each([
    ['a type-only import', "import type { H } from '../high/index.js'"],
    ['a re-export', "export { high } from '../high/index.js'"],
    ['a dynamic import', "export const later = () => import('../high/index.js')"],
    ['a type by import()', "export type H = typeof import('../high/index.js')"],
  ])('refuse %s that points upwards like any other', (_name, text) => {
    expect(placesOf({ 'low/up.ts': text })).toEqual(['low/up.ts:1 arrow: low -> high'])
  })

  it('refuse a loop of two rooms, since one of its arrows points upwards', () => {
    const places = placesOf({ 'base/loop.ts': "import { low } from '../low/index.js'\nvoid low" })
    expect(places).toEqual(['base/loop.ts:1 arrow: base -> low'])
  })

  it('refuse an import past a door, type-only ones too', () => {
    expect(placesOf({ 'high/past.ts': "import { low } from '../low/low.js'\nvoid low" })).toEqual([
      'high/past.ts:1 door: high -> low',
    ])
    expect(
      placesOf({ 'high/past.ts': "import type { Low } from '../low/low.js'\nexport type X = Low" }),
    ).toEqual(['high/past.ts:1 door: high -> low'])
  })

  it('refuse an import of the own door', () => {
    expect(placesOf({ 'low/own.ts': "import { low } from './index.js'\nvoid low" })).toEqual([
      'low/own.ts:1 own-door: low/own.ts',
    ])
  })

  it.each([
    ['export *', "export * from './low.js'"],
    ['logic', 'export const own = 1'],
    ['an import', "import { low } from './low.js'\nexport { low }"],
    ['a side effect', "import './low.js'"],
  ])('refuse a door with %s', (_name, text) => {
    expect(new Set(findingsOf({ 'low/index.ts': text }).map(({ key }) => key))).toEqual(
      new Set(['door-content: low/index.ts']),
    )
  })

  it('refuse a door that exports what belongs to another room', () => {
    expect(
      placesOf({
        'high/index.ts': "export { high } from './high.js'\nexport { low } from '../low/index.js'",
      }),
    ).toEqual(['high/index.ts:2 door-content: high/index.ts'])
  })

  it('refuse a room that the table does not list', () => {
    expect(placesOf({ 'new/a.ts': 'export const a = 1' })).toEqual(['new/a.ts:1 room: new'])
  })

  it('let a room import files of a kit directly: it has no door', () => {
    const files = { 'kit/a.ts': 'export const a = 1', 'high/b.ts': "export { a } from '../kit/a.ts'" }
    expect(checkRooms(readSourceGraph(writtenFolder(files)), { kit: [], high: ['kit'] })).toEqual([])
  })

  it('exempt tests and test kits', () => {
    const text = "import { high } from '../high/high.js'\nvoid high"
    expect(findingsOf({ 'low/low.test.ts': text, 'low/low.contract.ts': text })).toEqual([])
  })
})

describe('the table of rooms', () => {
  it.each(Object.entries({ ...roomTables, bench: benchRooms }))(
    'of %s lists each room after those that it may import',
    (_name, own) => {
      expect(() => checkTable(own)).not.toThrow()
    },
  )

  it('is refused where two rooms could import each other, or a room itself', () => {
    expect(() => checkTable({ a: ['b'], b: ['a'] })).toThrow('the room a may not import b')
    expect(() => checkTable({ a: ['a'] })).toThrow('the room a may not import a')
  })
})
