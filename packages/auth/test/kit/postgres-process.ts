import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

const folders = '/usr/lib/postgresql'

/** Returns the folder of the programs: that of `POSTGRES_BIN`, or the newest that Debian has installed; null without one. */
export function postgresPrograms(): string | null {
  const given = process.env['POSTGRES_BIN']
  if (given) return given
  if (!existsSync(folders)) return null
  const versions = readdirSync(folders).toSorted((a, b) => Number(b) - Number(a))
  const found = versions.map((version) => join(folders, version, 'bin'))
  return found.find((folder) => existsSync(join(folder, 'initdb'))) ?? null
}

/** Says in one loud line that tests were left out, and throws in CI. */
export function isMissing(tests: string, what: string, debianPackage: string): false {
  const problem = `${tests} TESTS DID NOT RUN: ${what} is missing. Install it: apt-get install -y ${debianPackage}`
  if (process.env['CI']) throw new Error(problem)
  console.error(`\n*** ${problem} ***\n`)
  return false
}

/** PostgreSQL and PgBouncer refuse to run as root. Returns the user that runs them instead; nothing for another user. */
export function unprivileged(): { readonly uid?: number; readonly gid?: number } {
  if (userInfo().uid !== 0) return {}
  const idOf = (flag: string) => Number(spawnSync('id', [flag, 'nobody']).stdout.toString())
  return { uid: idOf('-u'), gid: idOf('-g') }
}

/** Creates a folder that `unprivileged` owns. */
export function createOwnFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `perennial-${name}-`))
  chmodSync(folder, 0o700)
  const { uid, gid } = unprivileged()
  if (uid !== undefined) spawnSync('chown', [`${uid}:${gid}`, folder])
  return folder
}

/** The processes of a PostgreSQL. A signal goes to each of them: every one leads a group of its own. */
export interface PostgresProcess {
  /** Starts it again on the same port after `kill`. */
  readonly start: () => Promise<void>
  /** Kills all its processes without a checkpoint. */
  readonly kill: () => Promise<void>
  readonly signal: (signal: 'SIGSTOP' | 'SIGCONT') => void
}

/** Creates the processes of a PostgreSQL. Nothing is started yet. */
export function createPostgresProcess(
  program: string,
  folder: string,
  args: readonly string[],
): PostgresProcess {
  let child: ChildProcess | null = null
  let ended: Promise<unknown> = Promise.resolve()
  const signal = (name: NodeJS.Signals) => {
    if (child?.pid === undefined) return
    for (const pid of [child.pid, ...childrenOf(child.pid)]) {
      try {
        process.kill(pid, name)
      } catch {
        // It has ended by itself.
      }
    }
  }
  // A test that fails while it starts removes nothing.
  process.once('exit', () => signal('SIGKILL'))
  return {
    async start() {
      const stdio: ['ignore', 'ignore', 'pipe'] = ['ignore', 'ignore', 'pipe']
      const started = spawn(program, args, { cwd: folder, stdio, detached: true, ...unprivileged() })
      child = started
      ended = once(started, 'close')
      await untilPrinted(started, /database system is ready to accept (read-only )?connections/)
    },
    async kill() {
      signal('SIGCONT')
      signal('SIGKILL')
      child = null
      await ended
    },
    signal,
  }
}

/** Returns the processes that a process has started (proc(5)). */
function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    // It has ended, or the system has no such file.
    return []
  }
}

/** Resolves when a process has printed a sign on its standard error; rejects if it ends before. */
export async function untilPrinted(child: ChildProcess, sign: RegExp): Promise<void> {
  let output = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (bytes: Buffer) => {
      if (sign.test(output)) return
      output += bytes.toString()
      if (sign.test(output)) resolve()
    })
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${child.spawnfile} did not start: ${output}`)))
  })
}
