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
  /** Everything printed until now. */
  output(): string
  /** Resolves with the first match of what is printed; rejects when the process ends before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>
  /** Resolves with the exit code once it has ended. */
  ended(): Promise<number | null>
}

/** An empty folder to run in, and its removal. */
export function makeFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'perennial-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Starts the built service with these variables alone; free ports unless they say otherwise. */
export function startProcess(folder: string, env: Readonly<Record<string, string>> = {}): ServiceProcess {
  const child = spawn(process.execPath, [main], {
    cwd: folder,
    env: { PORT: '0', EMULATOR_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  let exit: { readonly code: number | null } | null = null
  const listeners = new Set<() => void>()
  const tell = () => listeners.forEach((listener) => listener())
  const hear = (bytes: Buffer) => {
    text += bytes.toString()
    tell()
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  // `close`, not `exit`: by then all output has been read.
  child.once('close', (code) => {
    exit = { code }
    tell()
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
