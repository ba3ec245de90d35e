/**
 * The part of `npm run lint` that looks at the sources of the packages and of `bench/` as a whole: the arrows between rooms, the doors, exports that nobody imports, and the
 * first words of doc comments. Findings that are listed in `source-rules/known-findings.txt` are accepted; a line there that is not needed any more
 * fails, so the list can only shrink. `--shrink` rewrites the list without such lines; it never adds one.
 *
 * The rules use the graph that `npm run figures` counts. oxlint has no rule for rooms and doors. dependency-cruiser 18 reads TypeScript
 * through a compiler below version 7 or through swc, and the parser of typescript-eslint 8 through a compiler below version 6.1; this repository has neither.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { checkDocComments } from './source-rules/doc-comments.ts'
import type { Finding } from './source-rules/finding.ts'
import { compareWithKnown } from './source-rules/known-findings.ts'
import { checkRooms } from './source-rules/room-rules.ts'
import { benchRooms, roomTables, type RoomTable } from './source-rules/room-table.ts'
import { findUnusedExports } from './source-rules/unused-exports.ts'
import { below, readSourceGraph, type SourceGraph } from './sources/source-graph.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const listPath = join(root, 'scripts/source-rules/known-findings.txt')

/** Lists the source files behind a package's `exports`: `./dist/x.js` is built from `src/x.ts`. */
function packageDoors(folder: string): readonly string[] {
  const { exports }: { exports: Readonly<Record<string, { readonly types: string }>> } = JSON.parse(
    readFileSync(join(root, folder, 'package.json'), 'utf8'),
  )
  return Object.values(exports).map(({ types }) =>
    types.replace(/^\.\/dist\/(.*)\.d\.ts$/, `${folder}/src/$1.ts`),
  )
}

function checkFolder(name: string, folder: string, table: RoomTable, graph: SourceGraph): readonly Finding[] {
  const own = below(folder, graph)
  return [...checkRooms(own, table), ...checkDocComments(own)].map((finding) => ({
    ...finding,
    key: `${name}: ${finding.key}`,
    path: `${folder}/${finding.path}`,
  }))
}

function checkAll(): readonly Finding[] {
  const graph = readSourceGraph(root)
  const names = Object.keys(roomTables)
  const doors = new Set(names.flatMap((name) => packageDoors(`packages/${name}`)))
  // `startProcess` of the bench calls the function `start` of a module in a new process.
  const isSource = ({ path, key }: Finding) =>
    /^packages\/[^/]+\/src\//.test(path) || (path.startsWith('bench/') && !key.endsWith(' start'))
  return [
    ...Object.entries(roomTables).flatMap(([name, table]) =>
      checkFolder(name, `packages/${name}/src`, table, graph),
    ),
    // A door would load all of a room into every process that is measured.
    ...checkFolder('bench', 'bench', benchRooms, graph).filter(({ key }) => !key.startsWith('bench: door: ')),
    ...findUnusedExports(graph, doors).filter(isSource),
  ]
}

const print = (line: string) => process.stderr.write(`${line}\n`)

const { unknown, outdated, shrunk } = compareWithKnown(checkAll(), readFileSync(listPath, 'utf8'))
for (const { path, line, message } of unknown) print(`${path}:${line}: ${message}`)
if (process.argv.includes('--shrink')) writeFileSync(listPath, shrunk)
else
  for (const line of outdated)
    print(`${listPath}: "${line}" lists more than there is. Run \`npm run lint:shrink\``)
// An outdated list fails in CI only: while several branches shrink it at once, each would wait for the others.
const isOutdated = outdated.length > 0 && process.env['CI'] === 'true' && !process.argv.includes('--shrink')
process.exitCode = unknown.length > 0 || isOutdated ? 1 : 0
