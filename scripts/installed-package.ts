import { cp, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './run.ts'

/** The parts of a `package.json` that the checks read. */
export interface Manifest {
  readonly name: string
  readonly exports?: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
}

/** One file of a tarball. */
export interface PackedFile {
  readonly path: string
  readonly size: number
}

/** Reads a package's manifest. */
export async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
}

/** Lists the files that `npm pack` would put into the tarball. */
export async function listPacked(folder: string): Promise<readonly PackedFile[]> {
  const [report] = JSON.parse(await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], folder))
  return report.files
}

/** Lists the names by which users import the package and its parts. */
export function specifiersOf({ name, exports = {} }: Manifest): readonly string[] {
  return Object.keys(exports).map((subpath) => name + subpath.slice(1))
}

/** Installs the package into a temporary folder, passes the folder to `work`, and removes it afterwards. */
export async function withInstalled<T>(folder: string, work: (place: string) => Promise<T>): Promise<T> {
  const place = await mkdtemp(join(tmpdir(), 'perennial-package-'))
  try {
    await installInto(place, folder)
    return await work(place)
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

/**
 * Puts a package and its production dependencies into `<place>/node_modules`, as an install without the optional peers
 * would. It copies them from this checkout, so no registry is needed.
 */
async function installInto(place: string, folder: string): Promise<void> {
  const manifest = await readManifest(folder)
  const target = join(place, 'node_modules', manifest.name)
  for (const { path } of await listPacked(folder)) {
    await mkdir(dirname(join(target, path)), { recursive: true })
    await cp(join(folder, path), join(target, path))
  }
  await installDependencies(place, folder, manifest)
}

async function installDependencies(place: string, folder: string, manifest: Manifest): Promise<void> {
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    const target = join(place, 'node_modules', name)
    if (await exists(target)) continue
    const source = await findPackage(name, folder)
    if (name.startsWith('@perennial/')) await installInto(place, source)
    else {
      await cp(source, target, {
        recursive: true,
        filter: (path) => !path.startsWith(join(source, 'node_modules')),
      })
      await installDependencies(place, source, await readManifest(source))
    }
  }
}

/** Finds the folder of a package as Node does, starting from another folder. */
async function findPackage(name: string, from: string): Promise<string> {
  const paths = createRequire(join(from, 'package.json')).resolve.paths(name) ?? []
  for (const path of paths) if (await exists(join(path, name, 'package.json'))) return join(path, name)
  throw new Error(`${name}, which ${from} depends on, is not installed`)
}

/** Returns the number of bytes of all files below a folder. */
export async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const sizes = await Promise.all(files.map((file) => stat(join(file.parentPath, file.name))))
  return sizes.reduce((sum, { size }) => sum + size, 0)
}

/** The installed packages of this checkout. */
export const modules: string = fileURLToPath(new URL('../node_modules', import.meta.url))

/** Links a package of this checkout into the folder, unless the install brought it. */
export async function linkInto(place: string, name: string): Promise<void> {
  const link = join(place, 'node_modules', name)
  if (await exists(link)) return
  await mkdir(dirname(link), { recursive: true })
  await symlink(join(modules, name), link)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
