import { readFileSync } from 'node:fs'
import process from 'node:process'
import { runCommand } from './command-line.js'
import { loadEnvFile } from './load-env-file.js'

/** A DNS lookup cannot be cancelled. Once the output is written, the process does not wait for one any longer. */
const lingerMs = 1_000

/** Runs the command of the arguments as a process, and sets its exit code. */
export async function run(): Promise<void> {
  // A reader of the output may close it early, as `head` does. The exit code stays the same.
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  process.exitCode = await runArguments()
  setTimeout(() => process.exit(), lingerMs).unref()
}

async function runArguments(): Promise<number> {
  const problem = loadEnvFile()
  if (problem !== null) {
    printError(problem)
    return 2
  }
  return await runCommand(process.argv.slice(2), {
    env: process.env,
    input: process.stdin,
    isTerminal: process.stdin.isTTY,
    readTextFile: (path) => readFileSync(path, 'utf8'),
    print: (line) => process.stdout.write(`${line}\n`),
    printError,
  })
}

function printError(line: string): void {
  process.stderr.write(`${line}\n`)
}
