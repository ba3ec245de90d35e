/**
 * Returns the name from `names` that `given` is a misspelling of, or null. A transposition counts as one edit. Names of
 * fewer than 6 characters are never matched: too many other programs use names like `PORT`.
 */
export function findNearMiss(given: string, names: readonly string[]): string | null {
  let nearest: string | null = null
  let fewest = Infinity
  for (const name of names) {
    const edits = countEdits(given, name)
    if (edits > allowedEdits(name) || edits >= fewest) continue
    nearest = name
    fewest = edits
  }
  return nearest
}

function allowedEdits({ length }: string): number {
  if (length < 6) return 0
  return length < 8 ? 1 : 2
}

/** Returns the optimal string alignment distance: insertions, deletions, substitutions and transpositions. */
function countEdits(from: string, to: string): number {
  let before: number[] = []
  let above = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1]
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      current[column] = Math.min(
        cell(above, column) + 1,
        cell(current, column - 1) + 1,
        cell(above, column - 1) + (isSame ? 0 : 1),
        isSwapped ? cell(before, column - 2) + 1 : Infinity,
      )
    }
    before = above
    above = current
  }
  return cell(above, to.length)
}

function cell(row: readonly number[], column: number): number {
  return row[column] ?? Infinity
}
