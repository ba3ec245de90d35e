import { parseSync, Visitor, type ParseResult } from 'oxc-parser'

/** An `import`, a re-export, a dynamic `import()` or the type `import('…')`, as the file states it. */
export interface ImportStatement {
  readonly specifier: string
  readonly line: number
  /** The imported names; `null` for the whole module (`import *`, a default import, `import()`, `export *`). */
  readonly names: readonly string[] | null
  readonly isTypeOnly: boolean
}

/** A name that a file exports. */
export interface ExportedName {
  readonly name: string
  readonly line: number
  readonly isType: boolean
  /** True if the name comes from another file (`export { x } from './y.js'`). */
  readonly isReExport: boolean
}

/** The first line of a function and the number of its lines, first and last included. */
export interface FunctionSpan {
  readonly line: number
  readonly lines: number
}

/** A comment, with its text as the parser returns it: without the marks at its two ends. */
export interface SourceComment {
  readonly text: string
  readonly line: number
  readonly lines: number
  readonly isBlock: boolean
}

/** What one source file holds. */
export interface SourceFile {
  /** Relative to the folder that was read, with slashes. */
  readonly path: string
  readonly lines: number
  readonly imports: readonly ImportStatement[]
  readonly exports: readonly ExportedName[]
  readonly functions: readonly FunctionSpan[]
  readonly comments: readonly SourceComment[]
  /** The lines of all statements other than `export { names } from`. */
  readonly beyondReExports: readonly number[]
}

/** Finds the line of a place in a text. */
type LineAt = (offset: number) => number

/**
 * Parses one TypeScript file.
 * @throws {SyntaxError} if the parser refuses the text
 */
export function parseSourceFile(path: string, text: string): SourceFile {
  const parsed = parseSync(path, text)
  const [error] = parsed.errors
  if (error) throw new SyntaxError(`${path}: ${error.message}`)
  const lineAt = createLineAt(text)
  const { imports, functions } = visitNodes(parsed, lineAt)
  return {
    path,
    lines: lineAt(text.trimEnd().length),
    imports: [...staticImports(parsed, lineAt), ...reExports(parsed, lineAt), ...imports],
    exports: exportedNames(parsed, lineAt),
    functions,
    comments: parsed.comments.map(({ type, value, start, end }) => ({
      text: value,
      line: lineAt(start),
      lines: lineAt(end) - lineAt(start) + 1,
      isBlock: type === 'Block',
    })),
    beyondReExports: parsed.program.body
      .filter((node) => node.type !== 'ExportNamedDeclaration' || node.source === null)
      .map(({ start }) => lineAt(start)),
  }
}

function createLineAt(text: string): LineAt {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return (offset) => {
    let low = 0
    let high = starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((starts[middle] ?? Infinity) <= offset) low = middle
      else high = middle
    }
    return low + 1
  }
}

function staticImports({ module }: ParseResult, lineAt: LineAt): readonly ImportStatement[] {
  return module.staticImports.map(({ moduleRequest, entries, start }) => ({
    specifier: moduleRequest.value,
    line: lineAt(start),
    names: namesOf(entries),
    isTypeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
  }))
}

function reExports({ module }: ParseResult, lineAt: LineAt): readonly ImportStatement[] {
  return module.staticExports.flatMap(({ entries, start }) => {
    const specifier = entries[0]?.moduleRequest?.value
    if (specifier === undefined) return []
    const isTypeOnly = entries.every(({ isType }) => isType)
    return [{ specifier, line: lineAt(start), names: namesOf(entries), isTypeOnly }]
  })
}

function namesOf(
  entries: readonly { readonly importName: { readonly name: string | null } }[],
): readonly string[] | null {
  const names = entries.map(({ importName }) => importName.name)
  return names.every((name) => name !== null) ? names : null
}

function exportedNames({ module }: ParseResult, lineAt: LineAt): readonly ExportedName[] {
  return module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ exportName, moduleRequest, isType, start }) =>
      exportName.name === null
        ? []
        : [{ name: exportName.name, line: lineAt(start), isType, isReExport: moduleRequest !== null }],
    ),
  )
}

function visitNodes({ program }: ParseResult, lineAt: LineAt) {
  const imports: ImportStatement[] = []
  const functions: FunctionSpan[] = []
  const addFunction = ({ start, end }: { readonly start: number; readonly end: number }) => {
    const line = lineAt(start)
    functions.push({ line, lines: lineAt(end) - line + 1 })
  }
  new Visitor({
    FunctionDeclaration: addFunction,
    FunctionExpression: addFunction,
    ArrowFunctionExpression: addFunction,
    ImportExpression({ source, start }) {
      if (source.type !== 'Literal' || typeof source.value !== 'string') return
      imports.push({ specifier: source.value, line: lineAt(start), names: null, isTypeOnly: false })
    },
    TSImportType({ source, start }) {
      imports.push({ specifier: source.value, line: lineAt(start), names: null, isTypeOnly: true })
    },
  }).visit(program)
  return { imports, functions }
}
