import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { join } from 'node:path'
import process from 'node:process'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cli, runInProcess, runProgram } from './kit/command.js'
import { makeFolder } from './kit/service-process.js'

let folder: ReturnType<typeof makeFolder>
beforeEach(() => {
  folder = makeFolder()
})
afterEach(() => folder.remove())

const run = (...args: readonly string[]) => runProgram(folder.path, args)

describe('perennial', () => {
  it('prints its usage and exit codes wherever help is asked for', async () => {
    const calls = [['--help'], ['-h'], ['help'], ['doctor', '--help'], ['token', 'inspect', '-h']]
    for (const { code, out, errors } of await Promise.all(calls.map((args) => run(...args)))) {
      expect([code, errors]).toEqual([0, ''])
      expect(out).toMatch(/perennial doctor.*perennial token inspect.*Exit codes: 0 .* 1 .* 2 /s)
    }
  })

  it('does not repeat unknown arguments, which may be tokens', async () => {
    const calls = [[], ['canary'], ['doctor', 'canary'], ['token'], ['token', 'inspect', 'canary']]
    for (const { code, out, errors } of await Promise.all(calls.map((args) => run(...args)))) {
      expect([code, out]).toEqual([2, ''])
      expect(errors).toContain('perennial token inspect')
      expect(errors).not.toContain('canary')
    }
  })

  it('ignores a reader that closes its standard output early', async () => {
    const child = spawn(process.execPath, [cli, 'doctor'], {
      cwd: folder.path,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.destroy()
    const ended = new Promise<number | null>((resolve) => void child.once('close', resolve))
    expect([await ended, await text(child.stderr)]).toEqual([0, ''])
  })

  it('says in one line that its output cannot be written', async () => {
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, [cli, '--help'], {
      cwd: folder.path,
      stdio: ['ignore', full, 'pipe'],
    })
    closeSync(full)
    const ended = new Promise<number | null>((resolve) => void child.once('close', resolve))
    const errors = child.stderr ? await text(child.stderr) : ''
    expect([await ended, errors]).toEqual([1, 'The output cannot be written (ENOSPC).\n'])
  })

  it('says in one line that .env cannot be read', async () => {
    mkdirSync(join(folder.path, '.env'))
    const { code, out, errors } = await run('doctor')
    expect([code, out]).toEqual([2, ''])
    expect(errors).toMatch(/^\.env cannot be read \(\w+\)\..*\n$/)
  })

  it('does not wait for a token at a terminal', async () => {
    const input = Readable.from(
      (async function* () {
        yield await new Promise<never>(() => {})
      })(),
    )
    const { code, out, errors } = await runInProcess(['token', 'inspect'], {
      env: {},
      input,
      isTerminal: true,
    })
    expect([code, out, errors]).toEqual([2, '', expect.stringContaining('A token cannot be typed')])
  })
})
