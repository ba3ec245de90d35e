import { globSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import { parseSourceFile, type ImportStatement, type SourceFile } from './source-file.ts'

/** An import of one file of the folder by another one. */
export interface Arrow extends ImportStatement {
  /** The importing and the imported file, relative to the folder. */
  readonly from: string
  readonly to: string
}

/** The TypeScript files below a folder, and what they import of each other; type-only imports count. */
export interface SourceGraph {
  readonly files: ReadonlyMap<string, SourceFile>
  readonly arrows: readonly Arrow[]
}

/** The room of the files that lie directly in the folder. */
export const topRoom = '.'

/** Reads and parses all TypeScript files below a folder, tests included, built and installed ones left out. */
export function readSourceGraph(folder: string): SourceGraph {
  const paths = globSync('**/*.{ts,tsx}', {
    cwd: folder,
    exclude: ['**/node_modules', '**/dist', '**/*.d.ts'],
  })
    .map((path) => path.split(sep).join(posix.sep))
    .toSorted()
  const files = new Map(
    paths.map((path) => [path, parseSourceFile(path, readFileSync(join(folder, path), 'utf8'))]),
  )
  const arrows = [...files.values()].flatMap(({ path, imports }) =>
    imports.flatMap((statement): readonly Arrow[] => {
      const to = targetOf(path, statement.specifier, files)
      return to === undefined ? [] : [{ ...statement, from: path, to }]
    }),
  )
  return { files, arrows }
}

/** Returns the part of a graph that lies below one of its folders, with paths relative to that folder. */
export function below(folder: string, { files, arrows }: SourceGraph): SourceGraph {
  const prefix = `${folder}/`
  const own = (path: string) => path.slice(prefix.length)
  return {
    files: new Map(
      [...files.values()]
        .filter(({ path }) => path.startsWith(prefix))
        .map((file) => [own(file.path), { ...file, path: own(file.path) }]),
    ),
    arrows: arrows
      .filter(({ from, to }) => from.startsWith(prefix) && to.startsWith(prefix))
      .map((arrow) => ({ ...arrow, from: own(arrow.from), to: own(arrow.to) })),
  }
}

/** Returns the graph without tests and test kits, and without the arrows that begin or end at one. */
export function withoutTests({ files, arrows }: SourceGraph): SourceGraph {
  return {
    files: new Map([...files].filter(([path]) => !isTest(path))),
    arrows: arrows.filter(({ from, to }) => !isTest(from) && !isTest(to)),
  }
}

/** Returns true for a test (`*.test.ts`), a contract suite (`*.contract.ts`) and whatever lies in a folder `test`. */
export function isTest(path: string): boolean {
  return /\.(test|contract|test-d)\.tsx?$/.test(path) || path.split('/').includes('test')
}

/** Returns the first folder of a path, or {@link topRoom}. */
export function roomOf(path: string): string {
  const end = path.indexOf('/')
  return end === -1 ? topRoom : path.slice(0, end)
}

/** Returns true for the `index.ts` of a room; the one at the top is the door of the package. */
export function isDoor(path: string): boolean {
  return path === 'index.ts' || path === `${roomOf(path)}/index.ts`
}

/** Returns true for an import of a file of another room that is not its door. The top room, `base` and `kit` have no door. */
export function passesDoorBy({ from, to }: Arrow): boolean {
  const [room, other] = [roomOf(from), roomOf(to)]
  return room !== other && !isDoor(to) && ![topRoom, 'base', 'kit'].includes(other)
}

/** Finds the file that a relative specifier names: `./x.js` names `x.ts`, as for TypeScript. */
function targetOf(
  from: string,
  specifier: string,
  files: ReadonlyMap<string, SourceFile>,
): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  const named = posix.join(posix.dirname(from), specifier)
  const stem = named.replace(/\.jsx?$/, '')
  return [named, `${stem}.ts`, `${stem}.tsx`].find((path) => files.has(path))
}
