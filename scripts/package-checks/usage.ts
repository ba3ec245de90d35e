import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { build } from 'esbuild'
import { linkInto, specifiersOf, withInstalled, type Manifest } from '../installed-package.ts'
import { CommandFailure, run } from '../run.ts'

const maxShakenBytes = 8_000

/** The optional peers without which an entry point cannot be loaded. All others load without any. */
const peersOf: Readonly<Record<string, string>> = { '@perennial/client/react': 'react' }

/** Imports and requires every entry point in a process of its own, those that need a peer after all others. */
export async function checkImports(folder: string, manifest: Manifest): Promise<string> {
  const specifiers = specifiersOf(manifest)
  const order = specifiers.toSorted((one, other) => Number(one in peersOf) - Number(other in peersOf))
  await withInstalled(folder, async (place) => {
    for (const specifier of order) {
      if (peersOf[specifier]) await linkInto(place, peersOf[specifier])
      const quoted = JSON.stringify(specifier)
      await run(process.execPath, ['--input-type=module', '-e', `await import(${quoted})`], place)
      await run(process.execPath, ['--input-type=commonjs', '-e', `require(${quoted})`], place)
    }
  })
  return `import and require: ${specifiers.join(', ')}`
}

/** Checks that a bundle holds only what is imported: a browser or an edge function pays for every byte. */
export async function checkTreeShaking(folder: string, { name }: Manifest): Promise<string> {
  return withInstalled(folder, async (place) => {
    const nothing = await bundledBytes(place, `import '${name}'`)
    if (nothing > 100) throw new CommandFailure(`importing nothing bundles ${nothing} bytes`)
    const one = await bundledBytes(place, `export { isTokenExpiringSoon } from '${name}'`)
    const all = await bundledBytes(place, `export * from '${name}'`)
    if (one > maxShakenBytes || one > all / 4)
      throw new CommandFailure(`isTokenExpiringSoon alone bundles ${one} bytes of ${all}`)
    return `tree-shaking: nothing used, nothing bundled; isTokenExpiringSoon alone is ${one} bytes of ${all}`
  })
}

async function bundledBytes(place: string, code: string): Promise<number> {
  const entry = join(place, 'entry.mjs')
  await writeFile(entry, code)
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    logLevel: 'silent',
  })
  return outputFiles.reduce((sum, { contents }) => sum + contents.length, 0)
}
