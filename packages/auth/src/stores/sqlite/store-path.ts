import { mkdirSync, statSync, type Stats } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** A path at which no store can be. The message is the rest of a sentence: `STORE_URL` + ` names a folder, not a file`. */
export class StorePathError extends Error {
  override readonly name = 'StorePathError'
  /** The operating system's code (`ENOTDIR`). */
  readonly code: string
  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * Creates the missing folders above a SQLite file, for this user alone (mode 0700), and checks that the path can be a
 * file. Opening a named pipe would wait for its other end, and SQLite takes some devices for an empty file.
 * @throws StorePathError if there can be no file
 */
export function prepareStorePath(path: string): void {
  const found = attempt('names a file whose folder cannot be created', () => {
    createFolder(dirname(resolve(path)))
    return statOf(path)
  })
  if (found?.isDirectory()) throw new StorePathError('names a folder, not a file', 'EISDIR')
  if (found && !found.isFile())
    throw new StorePathError('names a pipe, socket or device, not a file', 'EINVAL')
}

/** Creates one folder at a time: Node's recursive `mkdir` never returns where none can be created, as below /proc. */
function createFolder(folder: string): void {
  const found = attempt('names a file whose folder cannot be read', () => statOf(folder))
  if (found?.isDirectory()) return
  if (found) throw new StorePathError('names a file below a file (ENOTDIR)', 'ENOTDIR')
  createFolder(dirname(folder))
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    // Another process may have created it in between.
    if (!statOf(folder)?.isDirectory()) throw error
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    // Below a file there is nothing; the folder above is reported.
    if (codeOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

function attempt<T>(failure: string, step: () => T): T {
  try {
    return step()
  } catch (cause) {
    if (cause instanceof StorePathError) throw cause
    throw new StorePathError(`${failure} (${codeOf(cause)})`, codeOf(cause), { cause })
  }
}

/** Returns the code of an error of the operating system. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}
