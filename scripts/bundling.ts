import { build, type BuildOptions, type Metafile } from 'esbuild'

/** A runtime that a bundle is for. */
export type BundleTarget = 'workerd' | 'deno' | 'bun' | 'edge'

/** What bundlers for a runtime set. The modules of Node stay outside: a runtime has them or not. */
const settings: Readonly<Record<BundleTarget, BuildOptions>> = {
  // As wrangler sets it.
  workerd: {
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
    mainFields: ['browser', 'module', 'main'],
  },
  deno: { platform: 'neutral', conditions: ['deno', 'node'], mainFields: ['module', 'main'] },
  bun: { platform: 'node', conditions: ['bun'] },
  edge: { platform: 'browser', conditions: ['edge-light', 'worker', 'browser'] },
}

/** The targets, in an order. */
export const bundleTargets: readonly BundleTarget[] = ['workerd', 'deno', 'bun', 'edge']

/** A program in one file. */
export interface Bundle {
  readonly text: string
  /** The modules that are loaded from outside when the program starts. */
  readonly loadedAtStart: readonly string[]
  /** The modules that are loaded from outside once they are used. */
  readonly loadedLater: readonly string[]
  /** The paths of the modules in it. */
  readonly inputs: readonly string[]
}

/** Bundles a program that imports what is installed in `place`. Rejects if a module is missing. */
export async function bundle(
  program: string,
  {
    target,
    place,
    minify = false,
  }: { readonly target: BundleTarget; readonly place: string; readonly minify?: boolean },
): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    ...settings[target],
    stdin: { contents: program, resolveDir: place, loader: 'js' },
    absWorkingDir: place,
    bundle: true,
    format: 'esm',
    external: ['node:*', 'cloudflare:*', 'bun:*'],
    tsconfigRaw: {},
    logLevel: 'silent',
    metafile: true,
    minify,
    write: false,
  })
  const outside = importsFromOutside(metafile)
  const pathsOf = (isLate: boolean) =>
    outside.filter(({ kind }) => (kind === 'dynamic-import') === isLate).map(({ path }) => path)
  return {
    text: outputFiles?.[0]?.text ?? '',
    loadedAtStart: [...new Set(pathsOf(false))].toSorted(),
    loadedLater: [...new Set(pathsOf(true))].toSorted(),
    inputs: Object.keys(metafile?.inputs ?? {}),
  }
}

function importsFromOutside(metafile: Metafile | undefined) {
  return Object.values(metafile?.outputs ?? {}).flatMap(({ imports }) =>
    imports.filter(({ external }) => external),
  )
}
