/**
 * Removes the comments from the built JavaScript of the library, a quarter of it. Editors show those of the declarations, which
 * stay. Part of `npm run build`.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transform } from 'esbuild'

const built = fileURLToPath(new URL('dist', import.meta.url))

const entries = await readdir(built, { recursive: true })
const scripts = entries.filter((path) => path.endsWith('.js')).map((path) => join(built, path))
await Promise.all(
  scripts.map(async (path) => {
    const source = await readFile(path, 'utf8')
    const { code } = await transform(source, { format: 'esm', target: 'esnext', legalComments: 'none' })
    if (code !== source) await writeFile(path, code)
  }),
)
