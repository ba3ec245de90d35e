/**
 * Prints how the sources are cut into files, functions and rooms, and what one request passes; everything is counted from the
 * sources, nothing needs a build or a server. A room is the first folder below a package's `src`; files that lie directly in
 * `src` are the room ".". Tests and test kits (`*.test.ts`, `*.contract.ts`, `test/`) are left out. A function is counted from its first to its
 * last line. How the two requests are measured stands in `request-path/measure.ts`.
 */
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { countPackage, smallLines, type PackageFigures } from './figures/package-figures.ts'
import { measureRequests, type RequestPath } from './request-path/measure.ts'
import { readSourceGraph, withoutTests } from './sources/source-graph.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const packages = ['auth', 'client', 'emulator', 'server']

const rows: Readonly<Record<string, (figures: PackageFigures) => number | string>> = {
  files: ({ files }) => files,
  'lines of a file, median': ({ medianLines }) => medianLines,
  'lines of a file, maximum': ({ maxLines }) => maxLines,
  [`files of ${smallLines} lines or fewer`]: ({ smallFiles }) => smallFiles,
  functions: ({ functions }) => functions,
  'lines of a function, 90th percentile': ({ functionP90 }) => functionP90,
  'lines of a function, maximum': ({ functionMax }) => functionMax,
  'imports between files': ({ imports }) => imports,
  'loops of files': ({ fileLoops }) => fileLoops.length,
  rooms: ({ rooms }) => rooms.length,
  'arrows between rooms': ({ roomArrows }) => roomArrows,
  'loops of rooms': ({ roomLoops }) => roomLoops.length,
  'imports between rooms': ({ importsBetweenRooms }) => importsBetweenRooms,
  'of these, past the door': ({ bypassedDoors }) => bypassedDoors,
  'comment lines, %': ({ commentPercent }) => commentPercent,
}

function printPackages(figures: ReadonlyMap<string, PackageFigures>): void {
  printRow('', ...figures.keys())
  printRow('---', ...[...figures].map(() => '---:'))
  for (const [name, cell] of Object.entries(rows)) printRow(name, ...[...figures.values()].map(cell))
  for (const [name, { fileLoops, roomLoops }] of figures) {
    for (const loop of roomLoops) print(`\nloop of rooms in ${name}: ${loop.join(', ')}`)
    for (const loop of fileLoops) print(`\nloop of files in ${name}: ${loop.join(', ')}`)
  }
}

function printRequests(paths: readonly RequestPath[]): void {
  printRow(
    'one request through Express, session mode, SQLite',
    'files of auth',
    'changes of room',
    'without base/',
  )
  printRow('---', '---:', '---:', '---:')
  for (const { name, files, roomChanges, roomChangesWithoutBase } of paths)
    printRow(name, files.length, roomChanges, roomChangesWithoutBase)
  if (!process.argv.includes('--paths')) return
  for (const { name, files } of paths) print(`\n${name}: ${files.join(', ')}`)
}

const printRow = (...cells: readonly (string | number)[]) => print(`| ${cells.join(' | ')} |`)
const print = (line: string) => process.stdout.write(`${line}\n`)

printPackages(
  new Map(
    packages.map((name) => [
      name,
      countPackage(withoutTests(readSourceGraph(join(root, 'packages', name, 'src')))),
    ]),
  ),
)
print('')
printRequests(await measureRequests(root))
