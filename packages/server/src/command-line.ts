import type { Environment } from './config/index.js'
import { examine } from './doctor/index.js'
import { explainToken, readPipedToken } from './inspect/index.js'
import { move } from './move/index.js'

/** What a command sees of the process. */
export interface CommandWorld {
  readonly env: Environment
  readonly input: AsyncIterable<Uint8Array>
  /** Whether `input` is somebody at a terminal. */
  readonly isTerminal: boolean
  readonly readTextFile: (path: string) => string
  readonly print: (line: string) => void
  readonly complain: (line: string) => void
}

const usage = `Usage:
  perennial doctor          checks a deployment from its environment and .env
  perennial token inspect   explains the token on standard input: who, how old, why refused
  perennial store move      copies the SQLite store of STORE_URL to the Redis of NEW_STORE_URL, signing nobody out

Exit codes: 0 good (doctor: no error, token: accepted, move: done), 1 something is wrong or could not be checked, 2 called wrongly`

/** Runs one command and answers its exit code: 0 good, 1 something is wrong, 2 called wrongly. */
export async function runCommand(args: readonly string[], world: CommandWorld): Promise<number> {
  const [first, second, ...rest] = args
  if (first === 'help' || args.some((arg) => arg === '--help' || arg === '-h')) {
    world.print(usage)
    return 0
  }
  if (first === 'doctor' && second === undefined) return await doctor(world)
  if (first === 'token' && second === 'inspect') return await inspect(rest, world)
  if (first === 'store' && second === 'move') return await moveStores(rest, world)
  // What was written is not repeated: it may be a token.
  world.complain(usage)
  return 2
}

async function doctor({ env, readTextFile, print }: CommandWorld): Promise<number> {
  const findings = await examine(env, { readTextFile })
  for (const { level, subject, message } of findings) print(`${level.padEnd(7)}  ${subject}: ${message}`)
  return findings.some(({ level }) => level === 'error') ? 1 : 0
}

async function moveStores(rest: readonly string[], world: CommandWorld): Promise<number> {
  if (rest.length > 0) {
    world.complain(
      'Addresses are read from STORE_URL and NEW_STORE_URL alone: they may hold a password, and arguments stand in the list of processes.',
    )
    return 2
  }
  try {
    await move(world)
    return 0
  } catch (error) {
    if (!(error instanceof Error)) throw error
    world.complain(error.message.replaceAll(/\s+/g, ' '))
    return 1
  }
}

const pipeIt = 'For example: perennial token inspect < token.txt, or pbpaste | perennial token inspect'

async function inspect(rest: readonly string[], world: CommandWorld): Promise<number> {
  if (rest.length > 0) {
    world.complain(
      `A token is read from standard input alone: arguments stay in the shell's history and in the list of processes. ${pipeIt}`,
    )
    return 2
  }
  if (world.isTerminal) {
    world.complain(
      `A token is not typed in: it would stay on the screen, and terminals cut long lines. ${pipeIt}`,
    )
    return 2
  }
  const token = await readPipedToken(world.input)
  if (token === null) {
    world.complain(`There is no token on standard input. ${pipeIt}`)
    return 2
  }
  const { lines, isGood } = await explainToken(token, world)
  for (const line of lines) world.print(line)
  return isGood ? 0 : 1
}
