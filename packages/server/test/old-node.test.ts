import { execFile } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeFolder } from './kit/service-process.js'

const preload = new URL('kit/old-node.ts', import.meta.url).href
const programs = [
  ['the service', '../dist/main.js'],
  ['the command line', '../dist/cli.js'],
] as const

let folder: ReturnType<typeof makeFolder>
beforeAll(() => {
  folder = makeFolder()
})
afterAll(() => folder.remove())

/** Runs a program with a Node that reports version 20 and has no `node:sqlite`. */
function run(
  path: string,
): Promise<{ readonly code: unknown; readonly out: string; readonly errors: string }> {
  const program = fileURLToPath(new URL(path, import.meta.url))
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import', preload, program, 'doctor'],
      { cwd: folder.path, env: { PORT: '0', EMULATOR_PORT: '0' } },
      (error, out, errors) => resolve({ code: error?.code, out, errors }),
    )
  })
}

describe('on a Node that is too old', () => {
  it.each(programs)('%s prints one sentence and exits with 1', async (_name, path) => {
    expect(await run(path)).toEqual({
      code: 1,
      out: '',
      errors: expect.stringMatching(/^Node 20\.20\.2 is too old: \w[\w ]* needs Node 22\.19 or later\.\n$/),
    })
  })
})
