import type { Finding } from './finding.ts'

/** How far the findings differ from the list of known ones. */
export interface Comparison {
  /** The findings that are not known, or that exceed the known number. */
  readonly unknown: readonly Finding[]
  /** The lines that list more than there is. */
  readonly outdated: readonly string[]
  /** The list without what is outdated, and with no number higher than before. */
  readonly shrunk: string
}

/**
 * Compares findings with a list of known ones. A line of the list is the key of a finding, `emulator: arrow: controls -> .`, or a key with the
 * highest number of findings, `auth: doc-comment: 12`. Lines that begin with `#` are comments.
 */
export function compareWithKnown(findings: readonly Finding[], list: string): Comparison {
  const found = groupByKey(findings)
  const lines = list.split('\n')
  const lowest = lowestByKey(lines.filter(isEntry))
  const counted = lines.filter(
    (line, at) => !isEntry(line) || (lowest.get(keyOf(line)) === line && lines.indexOf(line) === at),
  )
  const shrunk = counted.map((line) =>
    isEntry(line) ? shrink(line, found.get(keyOf(line))?.length ?? 0) : line,
  )
  return {
    unknown: [...found].flatMap(([key, group]) => (group.length > limitOf(lowest.get(key)) ? group : [])),
    outdated: counted.filter((line, at) => shrunk[at] !== line),
    shrunk: shrunk.filter((line) => line !== null).join('\n'),
  }
}

/** Returns the strictest line of each key: merged branches may each have left one. */
function lowestByKey(entries: readonly string[]): ReadonlyMap<string, string> {
  const lowest = new Map<string, string>()
  for (const line of entries) {
    const known = lowest.get(keyOf(line))
    if (known === undefined || limitOf(line) < limitOf(known)) lowest.set(keyOf(line), line)
  }
  return lowest
}

function groupByKey(findings: readonly Finding[]): ReadonlyMap<string, readonly Finding[]> {
  const groups = new Map<string, Finding[]>()
  for (const finding of findings) groups.set(finding.key, [...(groups.get(finding.key) ?? []), finding])
  return groups
}

function shrink(line: string, count: number): string | null {
  if (count === 0) return null
  return limitOf(line) === Infinity || limitOf(line) <= count ? line : `${keyOf(line)}: ${count}`
}

const isEntry = (line: string) => line !== '' && !line.startsWith('#')
const keyOf = (line: string) => line.replace(/: \d+$/, '')

function limitOf(line: string | undefined): number {
  if (line === undefined) return 0
  const digits = /: (\d+)$/.exec(line)?.[1]
  return digits === undefined ? Infinity : Number(digits)
}
