#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { runCommand } from './command-line.js'
import { loadEnvFile } from './load-env-file.js'

/** A look-up of a name cannot be called off: once all is told, nobody waits for it any longer. */
const lingerMs = 1_000

const complain = (line: string) => process.stderr.write(`${line}\n`)

// Who reads may leave early, as `head` does; the exit code tells him all the same.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })

async function run(): Promise<number> {
  const problem = loadEnvFile()
  if (problem !== null) {
    complain(problem)
    return 2
  }
  return await runCommand(process.argv.slice(2), {
    env: process.env,
    input: process.stdin,
    isTerminal: process.stdin.isTTY,
    readTextFile: (path) => readFileSync(path, 'utf8'),
    print: (line) => process.stdout.write(`${line}\n`),
    complain,
  })
}

process.exitCode = await run()
setTimeout(() => process.exit(), lingerMs).unref()
