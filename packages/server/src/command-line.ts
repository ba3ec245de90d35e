import process from 'node:process'
import { loadEnvFile, readTextFile } from './base/text-file.js'
import type { Environment } from './config/index.js'
import { examine } from './doctor/index.js'
import { carryOut, parseOrder } from './sessions-command.js'
import { explainToken, readPipedToken } from './inspect/index.js'
import { move } from './move-store.js'

/** The part of the process that a command uses. */
export interface CommandWorld {
  readonly env: Environment
  readonly input: AsyncIterable<Uint8Array>
  /** True if `input` is a terminal. */
  readonly isTerminal: boolean
  readonly readTextFile: (path: string) => string
  readonly print: (line: string) => void
  readonly printError: (line: string) => void
}

const usage = `Usage:
  perennial doctor          checks a deployment from its environment and .env
  perennial token inspect   explains the token on standard input: member, age, and the reason if it is refused
  perennial sessions list --member mem_… [--limit 100] [--after …]
                            lists the live sessions of a member, 100 at most
  perennial sessions end --session … | --member mem_… | --all
                            ends one session, all of a member, or all of all members, on the store of STORE_URL.
                            With --member and --all, earlier member JWTs are refused too. Running services know it within 2 s
  perennial store move      copies the SQLite store of STORE_URL to the Redis or Postgres of NEW_STORE_URL; all sessions stay valid

Exit codes: 0 success (doctor: no error, token: accepted, move and sessions: done), 1 a problem was found or a check failed, 2 wrong usage`

/** Runs one command and returns its exit code: 0 success, 1 a problem was found, 2 wrong usage. */
export async function runCommand(args: readonly string[], world: CommandWorld): Promise<number> {
  const [first, second, ...rest] = args
  if (first === 'help' || args.some((arg) => arg === '--help' || arg === '-h')) {
    world.print(usage)
    return 0
  }
  if (first === 'doctor' && second === undefined) return await doctor(world)
  if (first === 'token' && second === 'inspect') return await inspect(rest, world)
  if (first === 'sessions') return await sessions(args.slice(1), world)
  if (first === 'store' && second === 'move') return await moveStores(rest, world)
  // The arguments are not repeated: one may be a token.
  world.printError(usage)
  return 2
}

async function doctor({ env, readTextFile, print }: CommandWorld): Promise<number> {
  const findings = await examine(env, { readTextFile })
  for (const { level, subject, message } of findings) print(`${level.padEnd(7)}  ${subject}: ${message}`)
  return findings.some(({ level }) => level === 'error') ? 1 : 0
}

async function moveStores(rest: readonly string[], world: CommandWorld): Promise<number> {
  if (rest.length > 0) {
    world.printError(
      'Addresses are read from STORE_URL and NEW_STORE_URL only: they may hold a password, and arguments are visible in the process list.',
    )
    return 2
  }
  try {
    await move(world)
    return 0
  } catch (error) {
    if (!(error instanceof Error)) throw error
    world.printError(error.message.replaceAll(/\s+/g, ' '))
    return 1
  }
}

async function sessions(args: readonly string[], world: CommandWorld): Promise<number> {
  const order = parseOrder(args)
  if (order === null) {
    world.printError(usage)
    return 2
  }
  try {
    return (await carryOut(order, world)) ? 0 : 1
  } catch (error) {
    if (!(error instanceof Error)) throw error
    world.printError(error.message.replaceAll(/\s+/g, ' '))
    return 1
  }
}

const pipeIt = 'For example: perennial token inspect < token.txt, or pbpaste | perennial token inspect'

async function inspect(rest: readonly string[], world: CommandWorld): Promise<number> {
  if (rest.length > 0) {
    world.printError(
      `A token is read from standard input only: arguments stay in the shell history and are visible in the process list. ${pipeIt}`,
    )
    return 2
  }
  if (world.isTerminal) {
    world.printError(
      `A token cannot be typed at a terminal: it would stay on the screen, and terminals cut long lines. ${pipeIt}`,
    )
    return 2
  }
  const token = await readPipedToken(world.input)
  if (token === null) {
    world.printError(`There is no token on standard input. ${pipeIt}`)
    return 2
  }
  const { lines, isGood } = await explainToken(token, world)
  for (const line of lines) world.print(line)
  return isGood ? 0 : 1
}

/** A DNS lookup cannot be cancelled. Once the output is written, the process does not wait for one any longer. */
const lingerMs = 1_000

/** Runs the command of the arguments as a process, and sets its exit code. */
export async function run(): Promise<void> {
  process.stderr.on('error', () => {})
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    // A reader of the output may close it early, as `head` does. The exit code stays the same.
    if (code === 'EPIPE') return
    printError(`The output cannot be written (${code}).`)
    process.exit(1)
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
    readTextFile,
    print: (line) => process.stdout.write(`${line}\n`),
    printError,
  })
}

function printError(line: string): void {
  process.stderr.write(`${line}\n`)
}
