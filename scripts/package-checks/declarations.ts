import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { linkInto, modules, specifiersOf, withInstalled, type Manifest } from '../installed-package.ts'
import { run } from '../run.ts'

/** The ways in which users configure TypeScript: `module` and `moduleResolution`. */
const resolutions = [
  ['node16', 'node16'],
  ['nodenext', 'nodenext'],
  ['preserve', 'bundler'],
] as const

/** The packages that our declarations import and that users install themselves. */
const peers = ['express', 'fastify', '@types/express', '@types/node']

const options = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--target', 'es2023', '--types', 'node']

/** Compiles the declarations with settings of users, which differ from those of this repository. */
export async function checkDeclarations(folder: string, manifest: Manifest): Promise<string> {
  return withInstalled(folder, async (place) => {
    const imports = specifiersOf(manifest).map((specifier, at) => `export * as part${at} from '${specifier}'`)
    await writeFile(join(place, 'entry.mts'), imports.join('\n'))
    for (const name of peers) await linkInto(place, name)
    for (const [module, moduleResolution] of resolutions)
      await run(
        join(modules, '.bin/tsc'),
        [...options, '--module', module, '--moduleResolution', moduleResolution, 'entry.mts'],
        place,
      )
    return `declarations: usable with ${resolutions.map(([, resolution]) => resolution).join(', ')}`
  })
}
