import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadLocalSecret } from '../local-secret.js'
import { openStore } from '../open-store.js'
import { parseStoreAddress } from '../store-address.js'
import { prepareStorePath, StorePathError } from './store-path.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perennial-path-'))
})
afterEach(() => {
  becomeOurselves()
  chmodSync(folder, 0o700)
  rmSync(folder, { recursive: true, force: true })
})

// Root may write everywhere, so the test changes its user where there can be no permission.
const isRoot = process.geteuid?.() === 0
const becomeNobody = () => isRoot && process.seteuid?.(65_534)
const becomeOurselves = () => isRoot && process.seteuid?.(0)

const inKernelFileSystems = existsSync('/proc/self')
  ? ['/proc/perennial/x.db', '/proc/a/b/c/x.db', '/sys/perennial/x.db']
  : []

/** Paths at which there can be no store, with what creates the obstacle and the message. */
const unusable: readonly (readonly [kind: string, make: () => string, message: RegExp])[] = [
  ['below a file', () => join(makeFile(), 'x.db'), /^names a file below a file \(ENOTDIR\)$/],
  ['far below a file', () => join(makeFile(), 'a', 'b', 'x.db'), /^names a file below a file \(ENOTDIR\)$/],
  ['that is a folder', () => makeFolder(), /^names a folder, not a file$/],
  ['that is a named pipe', () => makePipe(), /^names a pipe, socket or device, not a file$/],
  ['that is a device', () => '/dev/null', /^names a pipe, socket or device, not a file$/],
  ['in a folder of another user', () => join(makeForeign(), 'a', 'x.db'), /cannot be created \(EACCES\)$/],
  ['in a folder that is closed', () => join(makeForeign(0o700), 'x.db'), /cannot be created \(EACCES\)$/],
  ...inKernelFileSystems.map(
    (path) =>
      [`at ${path}`, () => path, /^names a file whose folder cannot be created \(E[A-Z]+\)$/] as const,
  ),
]

function makeFile(): string {
  writeFileSync(join(folder, 'file'), '')
  return join(folder, 'file')
}
function makeFolder(): string {
  mkdirSync(join(folder, 'folder'))
  return join(folder, 'folder')
}
function makePipe(): string {
  execFileSync('mkfifo', [join(folder, 'pipe')])
  return join(folder, 'pipe')
}
function makeForeign(mode = 0o755): string {
  mkdirSync(join(folder, 'foreign'), { mode })
  if (!isRoot) chmodSync(join(folder, 'foreign'), 0o000)
  chmodSync(folder, 0o755)
  becomeNobody()
  return join(folder, 'foreign')
}

describe('prepareStorePath', () => {
  it('creates the missing folders for this user alone, and no file', () => {
    const path = join(folder, 'a', 'b', 'x.db')
    prepareStorePath(path)
    prepareStorePath(path)
    expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder, 'a', 'b')).mode & 0o777).toBe(0o700)
    expect(existsSync(path)).toBe(false)
  })

  it.each(unusable)(
    'refuses a path %s, at once and in one line',
    { timeout: 5_000 },
    (_kind, make, message) => {
      const path = make()
      expect(() => prepareStorePath(path)).toThrow(StorePathError)
      expect(() => prepareStorePath(path)).toThrow(message)
    },
  )
})

describe('a store at a path that cannot be used', () => {
  it.each(unusable)('is not opened: %s', { timeout: 5_000 }, async (_kind, make) => {
    const path = make()
    await expect(openStore(`sqlite:${path}`, { clock: () => 1_000 })).rejects.toThrow(
      /^The store sqlite:\S+ cannot be used: it names [^\n]+\.$/,
    )
  })

  it('has no secret file: below a file, in /proc, or at a named pipe', { timeout: 5_000 }, async () => {
    execFileSync('mkfifo', [join(folder, 'x.db.secret')])
    const paths = [join(makeFile(), 'a', 'x.db'), join(folder, 'x.db'), ...inKernelFileSystems]
    for (const path of paths) {
      await expect(
        loadLocalSecret(parseStoreAddress(`sqlite:${path}`), () => new Uint8Array(32)),
      ).rejects.toThrow(/^The secret file \S+ cannot be read or written \(E[A-Z]+\); set PERENNIAL_SECRET/)
    }
  })
})
