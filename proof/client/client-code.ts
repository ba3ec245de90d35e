import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { compileFunction } from 'node:vm'
import { build, type Plugin } from 'esbuild'
import type { createSession } from '../../packages/client/src/create-session.ts'
import { plantedBugs } from '../planted/planted-bugs.ts'
import { plant } from '../planted/planted-bug.ts'

/** Loads the client into a tab, whose globals it gets instead of the platform's. */
export type LoadClient = (globals: Readonly<Record<string, unknown>>) => typeof createSession

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Bundles the sources of the client as they are, and compiles them once. The names are those of the globals that each tab has
 * of its own: the code finds them as the parameters of a function.
 */
export async function compileClient(names: readonly string[]): Promise<LoadClient> {
  const { outputFiles } = await build({
    entryPoints: [`${root}packages/client/src/create-session.ts`],
    bundle: true,
    format: 'iife',
    globalName: 'client',
    target: 'es2022',
    write: false,
    plugins: [planting],
  })
  const code = `${outputFiles[0]?.text ?? ''}\nreturn client.createSession`
  const load = compileFunction(code, [...names])
  // The last line of the code returns it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (globals) => load(...names.map((name) => globals[name])) as typeof createSession
}

/** This module is loaded anew for each bug, with its name in the address: `load-hooks.ts`. */
const bug = plantedBugs.find(({ name }) => name === new URL(import.meta.url).searchParams.get('planted'))

const planting: Plugin = {
  name: 'planting',
  setup: (building) =>
    building.onLoad({ filter: /packages\/client\/src\/.*\.ts$/ }, async ({ path }) => {
      if (bug === undefined || path !== root + bug.file) return undefined
      return { contents: plant(bug, await readFile(path, 'utf8')), loader: 'ts' }
    }),
}
