import { findLoops } from '../sources/loops.ts'
import { passesDoorBy, roomOf, type SourceGraph } from '../sources/source-graph.ts'
import type { SourceFile } from '../sources/source-file.ts'

/** What the table shows of one package. All counts leave out tests and test kits. */
export interface PackageFigures {
  readonly files: number
  readonly medianLines: number
  readonly maxLines: number
  /** The number of files of {@link smallLines} lines or fewer. */
  readonly smallFiles: number
  readonly functions: number
  readonly functionP90: number
  readonly functionMax: number
  readonly imports: number
  readonly fileLoops: readonly (readonly string[])[]
  readonly rooms: readonly string[]
  /** Pairs of rooms of which one imports the other. */
  readonly roomArrows: number
  readonly roomLoops: readonly (readonly string[])[]
  readonly importsBetweenRooms: number
  readonly bypassedDoors: number
  readonly commentPercent: number
}

/** A file of so many lines or fewer needs a reason. */
export const smallLines = 30

/** Counts a graph from which the tests were taken out. */
export function countPackage({ files, arrows }: SourceGraph): PackageFigures {
  const sources = [...files.values()]
  const lines = sorted(sources.map((file) => file.lines))
  const functions = sorted(sources.flatMap((file) => file.functions.map((span) => span.lines)))
  const between = arrows.filter(({ from, to }) => roomOf(from) !== roomOf(to))
  const roomArrows = between.map(({ from, to }) => ({ from: roomOf(from), to: roomOf(to) }))
  return {
    files: sources.length,
    medianLines: quantile(lines, 0.5),
    maxLines: quantile(lines, 1),
    smallFiles: lines.filter((count) => count <= smallLines).length,
    functions: functions.length,
    functionP90: quantile(functions, 0.9),
    functionMax: quantile(functions, 1),
    imports: distinctPairs(arrows),
    fileLoops: findLoops(arrows),
    rooms: [...new Set([...files.keys()].map(roomOf))].toSorted(),
    roomArrows: distinctPairs(roomArrows),
    roomLoops: findLoops(roomArrows),
    importsBetweenRooms: between.length,
    bypassedDoors: between.filter(passesDoorBy).length,
    commentPercent: Math.round((100 * sum(sources.map(commentLines))) / sum(lines)),
  }
}

function commentLines({ comments }: SourceFile): number {
  const lines = comments.flatMap(({ line, lines: count }) =>
    Array.from({ length: count }, (_, at) => line + at),
  )
  return new Set(lines).size
}

/** Returns the smallest value that a share of all values does not exceed (nearest rank); 0 of nothing. */
function quantile(ascending: readonly number[], share: number): number {
  return ascending[Math.max(0, Math.ceil(share * ascending.length) - 1)] ?? 0
}

function distinctPairs(edges: readonly { readonly from: string; readonly to: string }[]): number {
  return new Set(edges.map(({ from, to }) => `${from} -> ${to}`)).size
}

const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b)
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
