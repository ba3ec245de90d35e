/** Checks each package as its users get it: what is packed, types, imports of every kind, size. Needs a build. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { installInto, listPacked, readManifest, sizeOf, type Manifest } from './installed-package.ts'
import { CommandFailure, run } from './run.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

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

/** Every name that users import something by. */
function specifiersOf({ name, exports = {} }: Manifest): readonly string[] {
  return Object.keys(exports).map((subpath) => name + subpath.slice(1))
}

/** How users tell TypeScript to find types; `module` and `moduleResolution`. */
const resolutions = [
  ['node16', 'node16'],
  ['nodenext', 'nodenext'],
  ['preserve', 'bundler'],
] as const

/** What our types speak of, and their users have. */
const frameworks = ['express', 'fastify', '@types/express', '@types/node']

/** Declarations that only pass here, beside our own settings and types, would be errors in the editors of users. */
const checkDeclarations: Check = async (folder, manifest) =>
  inPlace(folder, async (place) => {
    const imports = specifiersOf(manifest).map(
      (specifier, at) => `export * as part${at} from ${JSON.stringify(specifier)}`,
    )
    await writeFile(join(place, 'entry.mts'), imports.join('\n'))
    for (const name of frameworks) await linkInto(place, name)
    const options = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      'false',
      '--target',
      'es2023',
      '--types',
      'node',
    ]
    for (const [module, moduleResolution] of resolutions)
      await run(
        join(root, 'node_modules/.bin/tsc'),
        [...options, '--module', module, '--moduleResolution', moduleResolution, 'entry.mts'],
        place,
      )
    return `declarations: usable with ${resolutions.map(([, resolution]) => resolution).join(', ')}`
  })

/** Puts what this checkout has installed beside the package, as its user would have it there. */
async function linkInto(place: string, name: string): Promise<void> {
  const link = join(place, 'node_modules', name)
  if (existsSync(link)) return
  await mkdir(dirname(link), { recursive: true })
  await symlink(join(root, 'node_modules', name), link)
}

const checkImports: Check = async (folder, manifest) => {
  const specifiers = specifiersOf(manifest)
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
    const one = await bundle(`export { isTokenExpiringSoon } from ${JSON.stringify(name)}`)
    const all = await bundle(`export * from ${JSON.stringify(name)}`)
    if (one > maxShakenBytes || one > all / 4)
      throw new CommandFailure(`isTokenExpiringSoon alone bundles ${one} bytes, of ${all} for everything`)
    return `tree-shaking: nothing used, nothing bundled; isTokenExpiringSoon alone is ${one} bytes of ${all}`
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
  auth: [
    checkPublint,
    checkTypes,
    checkDeclarations,
    checkContents,
    checkImports,
    checkShaking,
    checkInstallSize,
  ],
  client: [
    checkPublint,
    checkTypes,
    checkDeclarations,
    checkContents,
    checkImports,
    checkShaking,
    checkInstallSize,
  ],
  emulator: [checkPublint, checkTypes, checkDeclarations, checkContents, checkImports, checkInstallSize],
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
