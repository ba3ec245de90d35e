import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** A failed command or check. The message holds the command and all that it printed. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
}

/**
 * Runs a program and returns what it printed on standard output.
 * @throws {CommandFailure} if it cannot be started or its exit code is not 0
 */
export async function run(file: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await execute(file, [...args], { cwd, maxBuffer: 64 * 1024 * 1024 })
    return stdout
  } catch (cause) {
    throw new CommandFailure(`${[file, ...args].join(' ')}\n${printedBy(cause)}`, { cause })
  }
}

function printedBy(error: unknown): string {
  if (!(error instanceof Error && 'stdout' in error && 'stderr' in error)) return String(error)
  return `${String(error.stdout)}${String(error.stderr)}`
}
