import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type BuildOptions } from 'esbuild'

/** The largest sizes of what a page loads, minified and compressed, in bytes. React itself does not count into its hook. */
export const limits = { module: 6144, global: 6656, react: 512, dpop: 2048 }

/** Builds one minified file in memory. */
export async function bundle(entry: string, options: BuildOptions = {}): Promise<string> {
  const entryPoints = [fileURLToPath(new URL(`src/${entry}`, import.meta.url))]
  const result = await build({
    entryPoints,
    bundle: true,
    minify: true,
    target: ['es2022', 'chrome111', 'firefox115', 'safari16.4'],
    format: 'esm',
    legalComments: 'none',
    ...options,
    write: false,
  })
  return result.outputFiles[0]?.text ?? ''
}

/** Builds the script that plain pages load. */
export function bundleGlobal(): Promise<string> {
  return bundle('global.ts', { format: 'iife' })
}

/** Builds the React hook, without React. */
export function bundleReact(): Promise<string> {
  return bundle('react.ts', { external: ['react'] })
}

/** Builds the proofs of possession. */
export function bundleDpop(): Promise<string> {
  return bundle('dpop.ts')
}

/** Returns the compressed size of a script, in bytes. */
export function weigh(code: string): number {
  return gzipSync(code, { level: 9 }).length
}

if (import.meta.main) {
  const script = await bundleGlobal()
  const dist = new URL('dist/', import.meta.url)
  await mkdir(dist, { recursive: true })
  await writeFile(new URL('perennial.global.js', dist), script)
  // One file, for pages without a bundler.
  const proofs = await bundleDpop()
  await writeFile(new URL('perennial.dpop.js', dist), proofs)
  const sizes = [
    { name: '@perennial/client', bytes: weigh(await bundle('index.ts')), limit: limits.module },
    { name: 'perennial.global.js', bytes: weigh(script), limit: limits.global },
    { name: '@perennial/client/react', bytes: weigh(await bundleReact()), limit: limits.react },
    { name: '@perennial/client/dpop', bytes: weigh(proofs), limit: limits.dpop },
  ]
  for (const { name, bytes, limit } of sizes) {
    process.stdout.write(`${name}: ${bytes} of ${limit} bytes (min+gzip)\n`)
    if (bytes <= limit) continue
    process.stderr.write(`${name} is ${bytes - limit} bytes too large\n`)
    process.exitCode = 1
  }
}
