/** Checks each package as its users get it: what is packed, types, imports of every kind, size. Needs a build. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { installInto, listPacked, readManifest, sizeOf, type Manifest } from './installed-package.ts'
import { CommandFailure, run } from './run.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** For a package that a browser runs, which Node cannot load by `require` or import with its globals. */
const browserOnly = new Set(['@perennial/client/global'])

const maxInstallBytes = 3_000_000
const maxShakenBytes = 8_000

type Check = (folder: string, manifest: Manifest) => Promise<string>

const checkPublint: Check = async (folder) => {
  await run('npx', ['publint', '--strict', folder], root)
  return 'publint: clean'
}

const checkTypes: Check = async (folder) => {
  await run('npx', ['attw', '--pack', folder, '--profile', 'esm-only'], root)
  return 'attw: clean'
}

const checkContents: Check = async (folder) => {
  const paths = (await listPacked(folder)).map(({ path }) => path)
  const required = ['LICENSE', 'README.md', 'package.json']
  const missing = required.filter((path) => !paths.includes(path))
  const surplus = paths.filter((path) => !required.includes(path) && !isBuilt(path))
  const stale = paths.filter((path) => !hasSource(folder, path))
  if (missing.length > 0) throw new CommandFailure(`the tarball lacks ${missing.join(', ')}`)
  if (surplus.length > 0) throw new CommandFailure(`the tarball holds ${surplus.join(', ')}`)
  if (stale.length > 0)
    throw new CommandFailure(`left by an earlier build; remove ${folder}/dist and build: ${stale.join(', ')}`)
  return `contents: ${paths.length} files`
}

function isBuilt(path: string): boolean {
  return path.startsWith('dist/') && !/\.(test|contract)\.|tsbuildinfo$/.test(path)
}

function hasSource(folder: string, path: string): boolean {
  const module = /^dist\/(.+?)(\.d\.ts|\.js)$/.exec(path)?.[1]
  // Built by a bundler, from several sources.
  if (module === undefined || module === 'perennial.global') return true
  return existsSync(join(folder, 'src', `${module}.ts`))
}

const checkImports: Check = async (folder, { name, exports = {} }) => {
  const specifiers = Object.keys(exports)
    .map((subpath) => name + subpath.slice(1))
    .filter((specifier) => !browserOnly.has(specifier))
  await inPlace(folder, async (place) => {
    for (const specifier of specifiers) {
      const quoted = JSON.stringify(specifier)
      await run(process.execPath, ['--input-type=module', '-e', `await import(${quoted})`], place)
      await run(process.execPath, ['--input-type=commonjs', '-e', `require(${quoted})`], place)
    }
  })
  return `import and require: ${specifiers.join(', ')}`
}

/** What is not used must not be bundled: a browser or an edge function pays for every byte. */
const checkShaking: Check = async (folder, { name }) =>
  inPlace(folder, async (place) => {
    const entry = join(place, 'entry.mjs')
    const bundle = async (code: string) => {
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
    const nothing = await bundle(`import ${JSON.stringify(name)}`)
    if (nothing > 100) throw new CommandFailure(`importing nothing bundles ${nothing} bytes`)
    if (name !== '@perennial/auth') return 'tree-shaking: nothing used, nothing bundled'
    const one = await bundle(`export { isTokenExpiringSoon } from '@perennial/auth'`)
    if (one > maxShakenBytes) throw new CommandFailure(`isTokenExpiringSoon alone bundles ${one} bytes`)
    return `tree-shaking: nothing used, nothing bundled; isTokenExpiringSoon alone is ${one} bytes`
  })

const checkInstallSize: Check = async (folder, { name }) => {
  const bytes = await inPlace(folder, (place) => sizeOf(join(place, 'node_modules')))
  const megabytes = `${(bytes / 1e6).toFixed(2)} MB`
  if (name === '@perennial/auth' && bytes > maxInstallBytes)
    throw new CommandFailure(`installs ${megabytes}, more than ${maxInstallBytes / 1e6} MB`)
  return `install size without optional peers: ${megabytes}`
}

async function inPlace<T>(folder: string, work: (place: string) => Promise<T>): Promise<T> {
  const place = await mkdtemp(join(tmpdir(), 'perennial-package-'))
  try {
    await installInto(place, folder)
    return await work(place)
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

/** The service is not published: it is a program, so nobody imports parts of it or bundles it. */
const checksOf: Readonly<Record<string, readonly Check[]>> = {
  auth: [checkPublint, checkTypes, checkContents, checkImports, checkShaking, checkInstallSize],
  client: [checkPublint, checkTypes, checkContents, checkImports, checkShaking, checkInstallSize],
  emulator: [checkPublint, checkTypes, checkContents, checkImports, checkInstallSize],
  server: [checkPublint, checkContents],
}

/** One line for people, and an exit code for the machine. */
async function report(check: Check, folder: string, manifest: Manifest): Promise<string> {
  try {
    return await check(folder, manifest)
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    process.exitCode = 1
    return `FAILED: ${error.message}`
  }
}

for (const [room, checks] of Object.entries(checksOf)) {
  const folder = join(root, 'packages', room)
  const manifest = await readManifest(folder)
  process.stdout.write(`${manifest.name}\n`)
  for (const check of checks) process.stdout.write(`  ${await report(check, folder, manifest)}\n`)
}
