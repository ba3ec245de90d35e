import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** A service in a process of its own, as an operator runs it. */
export interface ServiceProcess {
  readonly child: ChildProcess
  /** Returns all output until now. */
  output(): string
  /** Resolves with the first match in the output; rejects if the process ends before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>
  /** Resolves with the exit code once it has ended. */
  ended(): Promise<number | null>
}

/** Creates an empty folder; `remove` deletes it. */
export function makeFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'perennial-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Starts the built service with these variables only, and on free ports unless they set others. */
export function startProcess(folder: string, env: Readonly<Record<string, string>> = {}): ServiceProcess {
  const child = spawn(process.execPath, [main], {
    cwd: folder,
    env: { PORT: '0', EMULATOR_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  let exit: { readonly code: number | null } | null = null
  const listeners = new Set<() => void>()
  const notify = () => listeners.forEach((listener) => listener())
  const collect = (bytes: Buffer) => {
    text += bytes.toString()
    notify()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  // `close`, not `exit`: by then all output has been read.
  child.once('close', (code) => {
    exit = { code }
    notify()
  })

  return {
    child,
    output: () => text,
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(text)
          if (!match && !exit) return
          listeners.delete(look)
          if (match) resolve(match)
          else reject(new Error(`ended before it printed ${pattern}: ${text}`))
        }
        listeners.add(look)
        look()
      }),
    async ended() {
      if (!exit) await once(child, 'close')
      return exit?.code ?? null
    },
  }
}
