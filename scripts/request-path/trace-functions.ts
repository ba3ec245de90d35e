import { parseSync, Visitor } from 'oxc-parser'

/** Reports that a function of a file begins to run. */
export type Trace = (path: string) => void

declare global {
  var perennialTrace: Trace | undefined
}

/** A text to put in at a place. */
interface Insertion {
  readonly at: number
  readonly text: string
}

/** Returns the source with a call at the beginning of each function, so that `globalThis.perennialTrace` gets the file's path. */
export function traceFunctions(path: string, source: string): string {
  const call = `globalThis.perennialTrace?.(${JSON.stringify(path)})`
  const insertions: Insertion[] = []
  const addToBlock = ({ body }: { readonly body: { readonly start: number } | null }) => {
    if (body) insertions.push({ at: body.start + 1, text: `${call};` })
  }
  new Visitor({
    FunctionDeclaration: addToBlock,
    FunctionExpression: addToBlock,
    ArrowFunctionExpression({ body }) {
      if (body.type === 'BlockStatement') addToBlock({ body })
      else insertions.push({ at: body.start, text: `(${call}, ` }, { at: body.end, text: ')' })
    },
  }).visit(parseSync(path, source).program)
  return insertions
    .toSorted((a, b) => b.at - a.at)
    .reduce((text, { at, text: added }) => text.slice(0, at) + added + text.slice(at), source)
}
