/**
 * Measures what one request passes: the source files of `packages/auth` of which at least one function runs between the
 * arrival of the request and the end of its response.
 *
 * A child process runs the packages from their sources. A loader hook puts a call at the beginning of every function of
 * `packages/auth/src`, which reports the function's file. An `AsyncLocalStorage` that is entered before the routes
 * attributes each report to its request, so timers and work after the response do not count. Every kind of request is sent
 * twice and the second one is taken: the first one also opens connections and fills caches.
 *
 * A change of room is counted where a file and the one that is reached next (each at its first use) lie in different rooms.
 * `base/` holds what every room uses, so the changes are counted a second time without its files.
 */
import { join } from 'node:path'
import { run } from '../run.ts'
import { roomOf } from '../sources/source-graph.ts'

/** The files of each request, one entry for each function call, in order. */
export interface Traces {
  readonly refresh: readonly string[]
  readonly authenticate: readonly string[]
}
/** What one kind of request passes. */
export interface RequestPath {
  readonly name: string
  /** Each file once, in the order of first use. */
  readonly files: readonly string[]
  readonly roomChanges: number
  readonly roomChangesWithoutBase: number
}

/** Sends the requests in a process of their own, from the sources below `root`. */
export async function measureRequests(root: string): Promise<readonly RequestPath[]> {
  const own = join(root, 'scripts/request-path')
  const printed = await run('node', ['--import', join(own, 'trace-hooks.ts'), join(own, 'program.ts')], root)
  const traces: Traces = JSON.parse(printed)
  return [pathOf('refresh', traces.refresh), pathOf('authenticate, a token seen before', traces.authenticate)]
}

function pathOf(name: string, trace: readonly string[]): RequestPath {
  const files = [...new Set(trace)]
  const rooms = files.map(roomOf)
  return {
    name,
    files,
    roomChanges: countChanges(rooms),
    roomChangesWithoutBase: countChanges(rooms.filter((room) => room !== 'base')),
  }
}

function countChanges(rooms: readonly string[]): number {
  return rooms.filter((room, at) => at > 0 && room !== rooms[at - 1]).length
}
