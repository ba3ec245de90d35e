import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type BuildOptions } from 'esbuild'

/** What the ESM build may weigh when a page's bundler has minified it and its server has compressed it, in bytes. */
const limitBytes = 4096

/** Builds one minified file in memory. */
export async function bundle(entry: string, options: BuildOptions = {}): Promise<string> {
  const entryPoints = [fileURLToPath(new URL(`src/${entry}`, import.meta.url))]
  const result = await build({
    entryPoints,
    bundle: true,
    minify: true,
    target: 'es2022',
    format: 'esm',
    legalComments: 'none',
    ...options,
    write: false,
  })
  return result.outputFiles[0]?.text ?? ''
}

/** The script that plain pages load. */
export function bundleGlobal(): Promise<string> {
  return bundle('global.ts', { format: 'iife' })
}

/** What a page loads, in bytes. */
export function weigh(code: string): number {
  return gzipSync(code, { level: 9 }).length
}

if (import.meta.main) {
  const script = await bundleGlobal()
  const dist = new URL('dist/', import.meta.url)
  await mkdir(dist, { recursive: true })
  await writeFile(new URL('perennial.global.js', dist), script)
  const bytes = weigh(await bundle('index.ts'))
  process.stdout.write(
    `@perennial/client: ${bytes} of ${limitBytes} bytes (min+gzip); perennial.global.js: ${weigh(script)} bytes\n`,
  )
  if (bytes > limitBytes) {
    process.stderr.write(`@perennial/client is ${bytes - limitBytes} bytes too large\n`)
    process.exitCode = 1
  }
}
