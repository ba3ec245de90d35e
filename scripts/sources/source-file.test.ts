import { describe, expect, it } from 'vitest'
import { parseSourceFile } from './source-file.ts'

const importsOf = (text: string) => parseSourceFile('a.ts', text).imports

describe('a parsed source file', () => {
  it('lists every way to import another file, with its line', () => {
    const text = [
      "import { b } from './b.js'",
      "import * as c from './c.js'",
      "import './d.js'",
      "export { e } from './e.js'",
      "export * from './f.js'",
      "export const later = () => import('./g.js')",
      "export type H = import('./h.js').H",
    ].join('\n')
    const found = importsOf(text).toSorted((one, other) => one.line - other.line)
    expect(found.map(({ specifier, line }) => `${line} ${specifier}`)).toEqual([
      '1 ./b.js',
      '2 ./c.js',
      '3 ./d.js',
      '4 ./e.js',
      '5 ./f.js',
      '6 ./g.js',
      '7 ./h.js',
    ])
  })

  it('names what is imported, and gives no names where the whole module is', () => {
    expect(importsOf("import { a as b, c } from './x.js'")[0]?.names).toEqual(['a', 'c'])
    expect(importsOf("export { a as b } from './x.js'")[0]?.names).toEqual(['a'])
    expect(importsOf("import d from './x.js'")[0]?.names).toBeNull()
    expect(importsOf("import * as all from './x.js'")[0]?.names).toBeNull()
    expect(importsOf("export * from './x.js'")[0]?.names).toBeNull()
    expect(importsOf("void import('./x.js')")[0]?.names).toBeNull()
  })

  it('tells type-only imports from the others', () => {
    const isTypeOnly = (text: string) => importsOf(text)[0]?.isTypeOnly
    expect(isTypeOnly("import type { A } from './x.js'")).toBe(true)
    expect(isTypeOnly("import { type A, type B } from './x.js'")).toBe(true)
    expect(isTypeOnly("export type { A } from './x.js'")).toBe(true)
    expect(isTypeOnly("let a: import('./x.js').A")).toBe(true)
    expect(isTypeOnly("import { type A, b } from './x.js'")).toBe(false)
    expect(isTypeOnly("import './x.js'")).toBe(false)
  })

  it('finds no import in a text or a comment', () => {
    expect(importsOf("const text = \"import { a } from './x.js'\" // import './y.js'")).toEqual([])
  })

  it('counts a function from its first to its last line, nested ones and methods too', () => {
    const text = [
      'export function outer() {',
      '  return () => {',
      '    return 1',
      '  }',
      '}',
      'export class A {',
      '  method(): number {',
      '    return 2',
      '  }',
      '}',
    ].join('\n')
    expect(parseSourceFile('a.ts', text).functions).toEqual([
      { line: 1, lines: 5 },
      { line: 2, lines: 3 },
      { line: 7, lines: 3 },
    ])
  })

  it('counts lines without the empty end, and the lines of comments', () => {
    const file = parseSourceFile('a.ts', '/** One\n *  two. */\nexport const a = 1 // three\n\n')
    expect(file.lines).toBe(3)
    expect(file.comments.map(({ line, lines, isBlock }) => ({ line, lines, isBlock }))).toEqual([
      { line: 1, lines: 2, isBlock: true },
      { line: 3, lines: 1, isBlock: false },
    ])
  })

  it('lists exported names, and which of them come from another file', () => {
    const { exports } = parseSourceFile(
      'a.ts',
      "export const a = 1\nexport interface B {}\nexport { c } from './c.js'",
    )
    expect(exports).toEqual([
      { name: 'a', line: 1, isType: false, isReExport: false },
      { name: 'B', line: 2, isType: true, isReExport: false },
      { name: 'c', line: 3, isType: false, isReExport: true },
    ])
  })

  it('lists the statements that are more than named re-exports', () => {
    const text =
      "export { a } from './a.js'\nexport type { A } from './a.js'\nexport * from './b.js'\nconst c = 1\nexport { c }"
    expect(parseSourceFile('index.ts', text).beyondReExports).toEqual([3, 4, 5])
  })

  it('refuses a text that is no TypeScript', () => {
    expect(() => parseSourceFile('a.ts', 'export const = 1')).toThrow(/^a\.ts: /)
  })
})
