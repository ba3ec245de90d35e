import { spawn } from 'node:child_process'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { readTextFile } from '../../src/base/text-file.js'
import type { Environment } from '../../src/config/index.js'
import { runCommand } from '../../src/command-line.js'

/** The built command-line program. */
export const cli: string = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

/** The output and exit code of a command. */
export interface CommandResult {
  readonly code: number | null
  readonly out: string
  readonly errors: string
}

/** The surroundings of a command that runs in the test's process. */
export interface CommandOptions {
  readonly env: Environment
  /** Standard input. */
  readonly input?: string | AsyncIterable<Uint8Array>
  readonly isTerminal?: boolean
}

/** Runs a command in this process. */
export async function runInProcess(
  args: readonly string[],
  { env, input = '', isTerminal = false }: CommandOptions,
): Promise<CommandResult> {
  const printed: string[] = []
  const errors: string[] = []
  const code = await runCommand(args, {
    env,
    input: typeof input === 'string' ? once(input) : input,
    isTerminal,
    readTextFile,
    print: (line) => void printed.push(line),
    printError: (line) => void errors.push(line),
  })
  return { code, out: printed.join('\n'), errors: errors.join('\n') }
}

async function* once(input: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(input)
}

/** Runs the built program in a folder, with empty standard input. */
export async function runProgram(folder: string, args: readonly string[]): Promise<CommandResult> {
  const child = spawn(process.execPath, [cli, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve) => void child.once('close', resolve))
  const [code, out, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  return { code, out, errors }
}
