import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeFolder, startProcess, type ServiceProcess } from './kit/service-process.js'

const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')

let folder: ReturnType<typeof makeFolder>
let service: ServiceProcess
beforeEach(() => {
  folder = makeFolder()
  service = startProcess(folder.path)
})
afterEach(async () => {
  service.child.kill('SIGKILL')
  await service.ended()
  folder.remove()
})

interface Step {
  readonly command: string
  readonly shown: string
}

/** Reads the fenced transcript: lines after `$ ` are input, the others output. */
function readTranscript(): readonly Step[] {
  const [, transcript = ''] = /```console\n(.*?)```/s.exec(readme) ?? []
  return transcript
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const end = step.indexOf('\n')
      return { command: step.slice(0, end), shown: step.slice(end + 1).trimEnd() }
    })
}

const divider = '-- next --'

/** Runs the commands in one shell, so that variables of one are set for the next. */
async function type(commands: readonly string[]): Promise<readonly string[]> {
  const shell = spawn('sh', { stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  let complaints = ''
  shell.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
  shell.stderr.on('data', (bytes: Buffer) => (complaints += bytes.toString()))
  shell.stdin.end(commands.map((command) => `${command}\necho '${divider}'\n`).join(''))
  await once(shell, 'close')
  expect(complaints).toBe('')
  return output.split(`${divider}\n`).map((printed) => printed.trimEnd())
}

/** Expects the output to match exactly, except for `…`, which stands for a part of a token. */
function patternOf(shown: string): RegExp {
  const parts = shown.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
  return new RegExp(`^${parts.join('[A-Za-z0-9_.-]{40,}')}$`)
}

describe('the README', () => {
  it('shows the real output of its transcript', async () => {
    const [, url = ''] = await service.waitFor(/Perennial listens on (http:\S+)/)
    const [, emulator = ''] = await service.waitFor(/the emulator, (http:\S+)/)
    const steps = readTranscript()
    expect(steps.length).toBeGreaterThan(8)
    const here = (command: string) =>
      command.replaceAll('http://127.0.0.1:8787', url).replaceAll('http://127.0.0.1:8788', emulator)
    const printed = await type(steps.map(({ command }) => here(command)))
    for (const [index, { command, shown }] of steps.entries())
      expect(printed[index], command).toMatch(patternOf(shown))
  })
})

const root = new URL('../../../', import.meta.url)

/** Every document, by its path from the root. */
function listDocuments(): readonly string[] {
  const inside = (folder: string, options: { readonly recursive: boolean }) =>
    readdirSync(new URL(folder, root), { ...options, encoding: 'utf8' }).map((path) => folder + path)
  const packages = inside('packages/', { recursive: false }).map((path) => `${path}/README.md`)
  return [
    ...inside('./', { recursive: false }),
    ...inside('docs/', { recursive: true }),
    ...inside('examples/', { recursive: false }),
    ...packages,
  ].filter((path) => path.endsWith('.md'))
}

/** The links of a document to places within this repository, and the file that each is in. */
function linksOf(
  path: string,
): readonly { readonly target: string; readonly file: URL; readonly heading: string }[] {
  const text = readFileSync(new URL(path, root), 'utf8')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [inside = '', heading = ''] = target.split('#')
      return { target, file: new URL(inside || path, inside ? new URL(path, root) : root), heading }
    })
}

/** The names that a document's headings have in a link. */
function headingsOf(file: URL): readonly string[] {
  const text = readFileSync(file, 'utf8').replaceAll(/^```.*?^```/gms, '')
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  )
}

describe('the documents', () => {
  it('have no link to a missing file', () => {
    const documents = listDocuments()
    expect(documents.length).toBeGreaterThan(10)
    const broken = documents.flatMap((path) =>
      linksOf(path)
        .filter(({ file }) => !existsSync(file))
        .map(({ target }) => `${path}: ${target}`),
    )
    expect(broken).toEqual([])
  })

  it('have no link to a missing heading', () => {
    const links = listDocuments().flatMap((path) => linksOf(path).map((link) => ({ path, ...link })))
    const toHeadings = links.filter(({ heading }) => heading !== '')
    expect(toHeadings.length).toBeGreaterThan(2)
    const broken = toHeadings
      .filter(({ file, heading }) => !headingsOf(file).includes(heading))
      .map(({ path, target }) => `${path}: ${target}`)
    expect(broken).toEqual([])
  })
})
