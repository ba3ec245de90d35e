import { readFileSync } from 'node:fs'
import process from 'node:process'

function readPackage(): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
}

/** Returns the version of Perennial. */
export function readVersion(): string {
  return String(readPackage()['version'])
}

/** Returns the minimum version of Node, from `engines` in our package.json. */
export function readMinimum(): string {
  const found = /"node":">=([\d.]+)"/.exec(JSON.stringify(readPackage()))
  if (!found?.[1]) throw new Error('package.json has no engines.node')
  return found[1]
}

/**
 * Returns the sentence about a version of Node that is too old, or null. The entry points call this before they load
 * anything else, since an old version fails at the import of `node:sqlite` with an error that names no cause.
 * @param version - as in `process.versions.node`
 */
export function describeOldNode(version: string, minimum: string = readMinimum()): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [leastMajor = 0, leastMinor = 0] = minimum.split('.').map(Number)
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return null
  return `Node ${version} is too old: Perennial needs Node ${minimum} or later.`
}

/** Runs the program, or prints one sentence and sets exit code 1 if Node is too old. */
export async function runOnSupportedNode(
  load: () => Promise<{ readonly run: () => Promise<void> }>,
): Promise<void> {
  const problem = describeOldNode(process.versions.node)
  if (problem === null) {
    await (await load()).run()
    return
  }
  process.stderr.write(`${problem}\n`)
  process.exitCode = 1
}
