/**
 * Builds the JavaScript of the library: one file for each door of the package, and files for what several doors share. To read and link
 * 150 small modules took two thirds of the time that an import of the library takes. Modules that the sources import dynamically stay
 * apart, so that a store is loaded only if it is used. Removes all other JavaScript, such as that of an earlier build.
 * Part of `npm run build`; TypeScript writes the declarations alone.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import manifest from './package.json' with { type: 'json' }

const root = fileURLToPath(new URL('.', import.meta.url))
const doors = Object.values(manifest.exports).map((door) => door.default)
// Its name is written in package.json, for runtimes without sockets.
const substitute = manifest.imports['#undici'].workerd
const sources = [...doors, substitute].map((path) => path.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts'))

const { metafile } = await build({
  entryPoints: sources,
  // With a second importer the main door has names only, and its code lies in files that a bundler leaves out if no name of them is used.
  stdin: { contents: `export * from './src/index.ts'`, resolveDir: root, sourcefile: 'second.ts' },
  outdir: 'dist',
  outbase: 'src',
  chunkNames: 'shared/[hash]',
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'neutral',
  target: 'esnext',
  packages: 'external',
  external: ['#undici'],
  legalComments: 'none',
  minifySyntax: true,
  metafile: true,
  logLevel: 'warning',
})
const written = new Set(
  Object.entries(metafile.outputs).flatMap(([path, { entryPoint }]) =>
    entryPoint === 'second.ts' ? [] : [join(root, path)],
  ),
)
const built = (await readdir(join(root, 'dist'), { recursive: true })).map((path) => join(root, 'dist', path))
const stale = built.filter((path) => path.endsWith('.js') && !written.has(path))
await Promise.all(stale.map((path) => rm(path)))

// No module does anything when it is loaded (`sideEffects` of package.json), so an import of no name is of no use, and bundlers warn of it.
for (const path of written) {
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replaceAll(/^import "\.{1,2}\/[^"]+";\n/gm, ''))
}
