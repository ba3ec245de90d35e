import { isTest, type SourceGraph } from '../sources/source-graph.ts'
import type { Finding } from './finding.ts'

/**
 * Finds exported values that no other file imports, tests included. Exported types are exempt: they name the parts of what a function takes and
 * returns. A file that is imported as a whole (`import *`, `import()`) uses all its exports.
 * @param packageDoors - the files that users import by the package's name
 */
export function findUnusedExports(
  { files, arrows }: SourceGraph,
  packageDoors: ReadonlySet<string>,
): readonly Finding[] {
  const used = new Map<string, Set<string> | 'all'>()
  for (const { to, names } of arrows) {
    const known = used.get(to) ?? new Set()
    if (names === null || known === 'all') used.set(to, 'all')
    else used.set(to, new Set([...known, ...names]))
  }
  return [...files.values()]
    .filter(({ path }) => !isTest(path) && !packageDoors.has(path))
    .flatMap(({ path, exports }) => {
      const names = used.get(path)
      if (names === 'all') return []
      return exports
        .filter(({ name, isType }) => !isType && names?.has(name) !== true)
        .map(({ name, line }) => ({
          key: `unused-export: ${path} ${name}`,
          path,
          line,
          message: `exports ${name}, which no file imports. Remove the export`,
        }))
    })
}
