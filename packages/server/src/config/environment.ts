/** The environment variables of a process, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Names that Kubernetes sets in every container for a Service in the same namespace. */
const serviceLinkName = /_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_.+)?)$/

/** The value that Kubernetes gives to `<SERVICE>_PORT`. */
const serviceLinkValue = /^(tcp|udp|sctp):\/\/[\d.:a-f[\]]+$/i

/** Returns true for a name that Kubernetes may have set. */
export function isServiceLinkName(name: string): boolean {
  return serviceLinkName.test(name)
}

/** Returns true if Kubernetes has set this variable, as `EMULATOR_PORT` for a Service called `emulator`. */
export function isServiceLink(name: string, env: Environment): boolean {
  return isServiceLinkName(name) && serviceLinkValue.test(env[name]?.trim() ?? '')
}

const byteOrderMark = '\uFEFF'

/**
 * Returns a problem for each of our variables whose name begins with a byte order mark, because the file that another program
 * has read it from (`docker --env-file`, `EnvironmentFile=` of systemd) begins with one. Its value would be ignored.
 */
export function listMarkedNames(env: Environment, names: readonly string[]): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith(byteOrderMark) && names.includes(name.slice(1)))
    .map(
      (name) =>
        `${name.slice(1)} has a byte order mark before its name and would be ignored. Save the file that sets it as UTF-8 without a byte order mark.`,
    )
}

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

/** Names that are used for variables of ours, by other programs or by habit. */
const otherNames: Readonly<Record<string, string>> = {
  ALLOWED_ORIGINS: 'CORS_ORIGIN',
  CORS_ALLOWED_ORIGINS: 'CORS_ORIGIN',
  MEMBERSTACK_API_KEY: 'MEMBERSTACK_SECRET_KEY',
  MEMBERSTACK_KEY: 'MEMBERSTACK_SECRET_KEY',
  PERENNIAL_KEY: 'PERENNIAL_SECRET',
}

const unit = /_(SECONDS|SECS|MINUTES|HOURS|DAYS|MS|PER_MINUTE|KEY|ID|URL|URI)$/

/**
 * Returns the variable of `names` that a name stands for, or null: the same name in another spelling, with `PERENNIAL_` before it,
 * without its unit or with another one, or a misspelling.
 */
export function findMeant(given: string, names: readonly string[]): string | null {
  const spelt = given.toUpperCase().replaceAll('-', '_')
  const bare = spelt.replace(/^PERENNIAL_/, '')
  const joined = spelt.replaceAll('_', '')
  const isSame = (name: string) => name === bare || name.replaceAll('_', '') === joined
  const same = names.find((name) => name.length >= 6 && isSame(name))
  if (same !== undefined) return same
  const meant = otherNames[spelt]
  if (meant !== undefined && names.includes(meant)) return meant
  const stem = bare.replace(unit, '')
  const isLong = stem.includes('_')
  const ofStem = names.filter((name) => isLong && name !== stem && name.replace(unit, '') === stem)
  return findNearMiss(spelt, names) ?? (ofStem.length === 1 ? (ofStem[0] ?? null) : null)
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
