import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runCommand } from '../src/command-line.js'

const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url))

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perennial-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** The program itself, in an empty folder, with nothing on its standard input. */
async function run(...args: readonly string[]) {
  const child = spawn(process.execPath, [cli, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve) => void child.once('close', resolve))
  const [code, out, complaints] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  return { code, out, complaints }
}

describe('perennial', () => {
  it('explains itself and its exit codes wherever help is asked for', async () => {
    for (const args of [['--help'], ['-h'], ['help'], ['doctor', '--help'], ['token', 'inspect', '-h']]) {
      const { code, out, complaints } = await run(...args)
      expect([code, complaints]).toEqual([0, ''])
      expect(out).toMatch(/perennial doctor.*perennial token inspect.*Exit codes: 0 .* 1 .* 2 /s)
    }
  })

  it('repeats nothing of what it does not know, since that may be a token', async () => {
    for (const args of [[], ['canary'], ['doctor', 'canary'], ['token'], ['token', 'inspect', 'canary']]) {
      const { code, out, complaints } = await run(...args)
      expect([code, out]).toEqual([2, ''])
      expect(complaints).toContain('perennial token inspect')
      expect(complaints).not.toContain('canary')
    }
  })

  it('does not mind a reader who leaves early', async () => {
    const child = spawn(process.execPath, [cli, 'doctor'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    const ended = new Promise<number | null>((resolve) => void child.once('close', resolve))
    expect([await ended, await text(child.stderr)]).toEqual([0, ''])
  })

  it('says in one line that .env cannot be read', async () => {
    mkdirSync(join(folder, '.env'))
    const { code, out, complaints } = await run('doctor')
    expect([code, out]).toEqual([2, ''])
    expect(complaints).toMatch(/^\.env cannot be read \(\w+\)\..*\n$/)
  })

  it('waits for nobody to type a token', async () => {
    const complaints: string[] = []
    const code = await runCommand(['token', 'inspect'], {
      env: {},
      input: Readable.from(
        (async function* () {
          yield await new Promise<never>(() => {})
        })(),
      ),
      isTerminal: true,
      readTextFile: () => '',
      print: (line) => void complaints.push(`printed ${line}`),
      complain: (line) => void complaints.push(line),
    })
    expect([code, complaints]).toEqual([2, [expect.stringContaining('A token is not typed in')]])
  })
})
