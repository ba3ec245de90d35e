import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listPacked, sizeOf, withInstalled, type Manifest } from '../installed-package.ts'
import { CommandFailure, run } from '../run.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

const maxInstallBytes = 3_000_000

/** Checks `package.json` and the packed files with publint. */
export async function checkPublint(folder: string): Promise<string> {
  await run('npx', ['publint', '--strict', folder], root)
  return 'publint: clean'
}

/** Checks with attw that TypeScript finds the types of every entry point. */
export async function checkTypes(folder: string): Promise<string> {
  await run('npx', ['attw', '--pack', folder, '--profile', 'esm-only'], root)
  return 'attw: clean'
}

/** Checks that the tarball has the required files, only built files beside them, and no file of an earlier build. */
export async function checkContents(folder: string): Promise<string> {
  const paths = (await listPacked(folder)).map(({ path }) => path)
  const required = ['LICENSE', 'README.md', 'package.json']
  refuse(
    'missing from the tarball',
    required.filter((path) => !paths.includes(path)),
  )
  refuse(
    'not allowed in the tarball',
    paths.filter((path) => !required.includes(path) && !isBuilt(path)),
  )
  refuse(
    `left by an earlier build; remove ${folder}/dist and build again`,
    paths.filter((path) => !hasSource(folder, path)),
  )
  return `contents: ${paths.length} files`
}

/** Checks how many bytes an install adds, without the optional peers. */
export async function checkInstallSize(folder: string, { name }: Manifest): Promise<string> {
  const bytes = await withInstalled(folder, (place) => sizeOf(join(place, 'node_modules')))
  const megabytes = `${(bytes / 1e6).toFixed(2)} MB`
  if (name === '@perennial/auth' && bytes > maxInstallBytes)
    throw new CommandFailure(`installs ${megabytes}, more than ${maxInstallBytes / 1e6} MB`)
  return `install size without optional peers: ${megabytes}`
}

function refuse(problem: string, paths: readonly string[]): void {
  if (paths.length > 0) throw new CommandFailure(`${problem}: ${paths.join(', ')}`)
}

function isBuilt(path: string): boolean {
  if (/^bin\/[a-z-]+\.js$/.test(path)) return true
  return path.startsWith('dist/') && !/\.(test|contract)\.|tsbuildinfo$/.test(path)
}

/** The files that the bundler builds from several sources. It removes those of an earlier build itself. */
const bundled = /^(?:perennial\.global|perennial\.dpop|shared\/[^/]+)$/

function hasSource(folder: string, path: string): boolean {
  const module = /^dist\/(.+?)(\.d\.ts|\.js)$/.exec(path)?.[1]
  if (module === undefined || bundled.test(module)) return true
  return existsSync(join(folder, 'src', `${module}.ts`))
}
