/** Checks each package as its users get it: the tarball, its types, imports of every kind, and sizes. Needs a build. */
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { readManifest, type Manifest } from './installed-package.ts'
import { checkDeclarations } from './package-checks/declarations.ts'
import { checkContents, checkInstallSize, checkPublint, checkTypes } from './package-checks/tarball.ts'
import { checkImports, checkTreeShaking } from './package-checks/usage.ts'
import { CommandFailure } from './run.ts'

/** Checks one package and returns a line about it. Throws a {@link CommandFailure} if the check fails. */
type Check = (folder: string, manifest: Manifest) => Promise<string>

const packages = fileURLToPath(new URL('../packages', import.meta.url))

/** The checks of a package that others import. */
const libraryChecks: readonly Check[] = [
  checkPublint,
  checkTypes,
  checkDeclarations,
  checkContents,
  checkImports,
  checkInstallSize,
]

/** The service is a program: nobody imports or bundles parts of it. */
const checksOf: Readonly<Record<string, readonly Check[]>> = {
  auth: [...libraryChecks, checkTreeShaking],
  client: [...libraryChecks, checkTreeShaking],
  emulator: libraryChecks,
  server: [checkPublint, checkContents],
}

/** Returns the line that a check prints, and sets the exit code if the check fails. */
async function report(check: Check, folder: string, manifest: Manifest): Promise<string> {
  try {
    return await check(folder, manifest)
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    process.exitCode = 1
    return `FAILED: ${error.message}`
  }
}

for (const [name, checks] of Object.entries(checksOf)) {
  const folder = join(packages, name)
  const manifest = await readManifest(folder)
  process.stdout.write(`${manifest.name}\n`)
  for (const check of checks) process.stdout.write(`  ${await report(check, folder, manifest)}\n`)
}
