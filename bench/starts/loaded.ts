import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StartCase } from './cases.ts'

/** The modules that a process has loaded from files when it was ready. */
export interface Loaded {
  readonly modules: number
  readonly bytes: number
  /** The packages in whose modules, or for whose imports, most of the time of the start went, with their share. */
  readonly slowest: readonly { readonly name: string; readonly share: number; readonly modules: number }[]
}

const counter = fileURLToPath(new URL('count-modules.mjs', import.meta.url))
const listed = 6

/** Starts a case twice more: once to count its modules, once with a CPU profile. Both slow it down, so neither is measured. */
export async function readLoaded({ start }: StartCase, root: string, folder: string): Promise<Loaded> {
  const place = await mkdtemp(join(folder, 'loaded-'))
  const file = join(place, 'modules.json')
  await start(root, { flags: ['--import', counter], env: { BENCH_LOADED: file } })
  await start(root, { flags: ['--cpu-prof', `--cpu-prof-dir=${place}`, '--cpu-prof-interval=200'], env: {} })
  const modules: readonly (readonly [string, number])[] = JSON.parse(readFileSync(file, 'utf8'))
  const counts = new Map<string, number>()
  for (const [url] of modules) counts.set(packageOf(url) ?? '', (counts.get(packageOf(url) ?? '') ?? 0) + 1)
  const profile = readdirSync(place).find((name) => name.endsWith('.cpuprofile'))
  if (profile === undefined) throw new Error('no figure from errors: no profile was written')
  const shares = [...sharesOf(JSON.parse(readFileSync(join(place, profile), 'utf8')))]
  return {
    modules: modules.length,
    bytes: modules.reduce((sum, [, size]) => sum + size, 0),
    slowest: shares
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, listed)
      .map(([name, share]) => ({ name, share, modules: counts.get(name) ?? 0 })),
  }
}

/** A CPU profile as V8 writes it. Times are in microseconds. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Returns the share of the busy time of each package. The work of Node counts for the package that asked for it. */
function sharesOf({ nodes, samples, timeDeltas }: Profile): ReadonlyMap<string, number> {
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  )
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const nameOf = (id: number | undefined): string => {
    const frame = id === undefined ? undefined : byId.get(id)?.callFrame
    if (!frame) return 'Node'
    if (/^\((?:idle|program|garbage collector)\)$/.test(frame.functionName)) return frame.functionName
    return packageOf(frame.url) ?? nameOf(id === undefined ? undefined : parents.get(id))
  }
  const times = new Map<string, number>()
  for (const [index, id] of samples.entries())
    times.set(nameOf(id), (times.get(nameOf(id)) ?? 0) + (timeDeltas[index] ?? 0))
  times.delete('(idle)')
  const busy = [...times.values()].reduce((sum, time) => sum + time, 0)
  return new Map([...times].map(([name, time]) => [name, time / busy]))
}

/** Returns the name of the package of a file; null for other modules. */
function packageOf(url: string): string | null {
  const installed = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1]
  const own = /\/packages\/(auth|client|emulator|server)\//.exec(url)?.[1]
  return installed ?? (own === undefined ? null : `@perennial/${own}`)
}
