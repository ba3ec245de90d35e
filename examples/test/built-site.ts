import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import process from 'node:process'

/** An example of a site, with a manifest of its own, that is not part of the workspaces. */
export interface SiteExample {
  /** The folder in `examples/`. */
  readonly name: string
  /** A folder beside this file, whose files are put over those of the example. The site is then built in a folder of its own. */
  readonly trials?: string
  /** The path that the site is mounted at, such as `/shop`. It is its variable `BASE_PATH`. */
  readonly base?: string
  /** The programs, as paths in the folder, and their parameters. */
  readonly build: readonly [string, ...string[]]
  readonly start: readonly [string, ...string[]]
  /** Variables of the server beside those of the site. */
  readonly env?: Readonly<Record<string, string>>
  /** True if the framework replaces `Vary` on pages that it renders. */
  readonly replacesVary?: boolean
}

/** A site that runs in a process of its own. */
export interface RunningSite {
  readonly url: string
  readonly pid: number
  /** Sets by how many seconds its clock is ahead. */
  setClock(aheadSeconds: number): Promise<void>
  /** Everything that it printed. */
  output(): string
  stop(): Promise<void>
}

const examples = fileURLToPath(new URL('..', import.meta.url))
const packages = fileURLToPath(new URL('../../packages', import.meta.url))
const clock = fileURLToPath(new URL('shifted-clock.ts', import.meta.url))
/** Neither build asks for a font, a new version or telemetry. */
const quiet = { NEXT_TELEMETRY_DISABLED: '1', ASTRO_TELEMETRY_DISABLED: '1', CI: '1' }

/** Returns the command that installs an example. */
export const installCommand = (name: string): string => `npm ci --prefix examples/${name} --ignore-scripts`

/** Returns true if an example is installed. It prints a line if it is not. */
export function hasSite({ name, build: [program] }: SiteExample): boolean {
  const isInstalled = existsSync(`${examples}/${name}/${program}`)
  if (!isInstalled)
    process.stderr.write(
      `\n*** NOT TESTED: examples/${name} is not installed. Run: ${installCommand(name)}\n\n`,
    )
  return isInstalled
}

/** What a build makes, and what npm installs. */
const made = new Set(['node_modules', 'package-lock.json', 'dist', '.next', '.astro', '.trials'])

/** Returns the folder of a site. Node finds what is installed for the example from a folder inside it too. */
const folderOf = ({ name, trials }: SiteExample) =>
  trials === undefined ? join(examples, name) : join(examples, name, '.trials')

/** Returns the parameters of Node. A program that is installed lies in the folder of the example. */
const programOf = ({ name }: SiteExample, [program, ...parameters]: readonly [string, ...string[]]) => [
  program.startsWith('node_modules/') ? join(examples, name, program) : program,
  ...parameters,
]

/** Copies an example without what is made of it, and puts the files of the trials over it. */
function copySite(site: SiteExample, folder: string, trials: string): void {
  rmSync(folder, { recursive: true, force: true })
  const original = join(examples, site.name)
  for (const entry of readdirSync(original).filter((name) => !made.has(name)))
    cpSync(join(original, entry), join(folder, entry), { recursive: true })
  cpSync(join(examples, 'test', trials), folder, { recursive: true })
}

/** Builds an example on the built packages of this repository, which are put into its `node_modules` as npm would. */
export async function buildSite(site: SiteExample, env: Readonly<Record<string, string>>): Promise<void> {
  const folder = folderOf(site)
  if (site.trials !== undefined) copySite(site, folder, site.trials)
  for (const name of ['auth', 'client']) {
    const installed = `${folder}/node_modules/@perennial/${name}`
    rmSync(installed, { recursive: true, force: true })
    for (const part of ['package.json', 'dist'])
      cpSync(`${packages}/${name}/${part}`, `${installed}/${part}`, { recursive: true })
  }
  const child = spawn(process.execPath, programOf(site, site.build), {
    cwd: folder,
    env: { ...baseEnvironment(), ...quiet, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = collect(child)
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`the build of examples/${site.name} failed:\n${output()}`)
}

/** Starts an example that was built. */
export async function startSite(
  site: SiteExample,
  env: Readonly<Record<string, string>>,
): Promise<RunningSite> {
  const { name, start, env: own = {} } = site
  const child = spawn(process.execPath, ['--import', clock, ...programOf(site, start)], {
    cwd: folderOf(site),
    env: { ...baseEnvironment(), ...quiet, NODE_ENV: 'production', ...own, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const output = collect(child)
  const ended = once(child, 'close')
  const url = await new Promise<string>((resolve, reject) => {
    const look = () => {
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(output())
      if (found) resolve(found[0])
    }
    child.stdout?.on('data', look)
    child.once('close', () => reject(new Error(`examples/${name} ended: ${output()}`)))
  })
  return {
    url,
    pid: child.pid ?? 0,
    async setClock(aheadSeconds) {
      const answer = once(child, 'message')
      child.send({ aheadSeconds })
      await answer
    },
    output,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function baseEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env
  return { PATH, HOME }
}

function collect(child: ChildProcess): () => string {
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (bytes: Buffer) => (output += bytes.toString()))
  return () => output
}
