import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const manifestOf = (folder: string) => JSON.parse(read(join(folder, 'package.json')))
const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}`)
const main = manifestOf('.')
const home: string = main.repository.url.replace(/^git\+|\.git$/g, '')

describe('the manifests', () => {
  it('have one version, also where one package names another', () => {
    for (const folder of packages) {
      const { version, dependencies = {} } = manifestOf(folder)
      expect([folder, version]).toEqual([folder, main.version])
      for (const [name, wanted] of Object.entries(dependencies))
        if (name.startsWith('@perennial/'))
          expect([folder, name, wanted]).toEqual([folder, name, main.version])
    }
    expect(manifestOf('examples/react').dependencies['@perennial/client']).toBe(main.version)
    expect(read('packages/server/src/openapi/document.ts')).toContain(`version: '${main.version}'`)
    expect(read('deploy/kubernetes.yaml')).toContain(`perennial:${main.version}\n`)
    const tarballs = [...read('examples/README.md').matchAll(/perennial-[a-z]+-([\d.]+)\.tgz/g)]
    expect(tarballs.length).toBeGreaterThan(1)
    for (const [, version] of tarballs) expect(version).toBe(main.version)
  })

  it('name the repository, the place for bugs and the licence, and build before they are packed', () => {
    for (const folder of packages) {
      const { repository, bugs, homepage, license, scripts } = manifestOf(folder)
      expect(repository).toEqual({ ...main.repository, directory: folder })
      expect([bugs, homepage, license]).toEqual([main.bugs, main.homepage, main.license])
      expect(scripts.prepack).toContain('run --silent build')
    }
  })
})

describe('the documents', () => {
  const documents = [
    ...['.', 'docs', 'docs/api', 'docs/decisions', 'examples', 'deploy'].flatMap((folder) =>
      readdirSync(join(root, folder))
        .filter((name) => name.endsWith('.md'))
        .map((name) => join(folder, name)),
    ),
    ...packages.map((folder) => `${folder}/README.md`),
  ]
  const linksOf = (path: string) => [...read(path).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)

  it('in the tarballs have no link that leads nowhere there', () => {
    for (const folder of packages) {
      const relative = linksOf(`${folder}/README.md`).filter((link) => !/^(https:|#)/.test(link))
      expect([folder, relative]).toEqual([folder, []])
    }
  })

  it('have no link into the repository that leads nowhere', () => {
    const paths = documents
      .flatMap(linksOf)
      .filter((link) => link.startsWith(`${home}/blob/main/`))
      .map((link) => link.slice(`${home}/blob/main/`.length).replace(/#.*/, ''))
    expect(paths.length).toBeGreaterThan(2)
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })

  it('run with npx only what is installed here', () => {
    const bins = new Set(readdirSync(join(root, 'node_modules/.bin')))
    const commands = documents.flatMap((path) =>
      [...read(path).matchAll(/\bnpx (?:--?[\w-]+ )*([@\w/-]+)/g)].map(([, name = '']) => name),
    )
    expect(commands.length).toBeGreaterThan(3)
    // Next.js is installed by the reader of its example.
    expect(commands.filter((name) => !bins.has(name) && name !== 'next')).toEqual([])
  })

  it('say how to report a vulnerability in private', () => {
    expect(read('SECURITY.md')).toContain(`${home}/security/advisories/new`)
    expect(read('CONTRIBUTING.md')).toContain('SECURITY.md')
  })
})

describe('the commands', () => {
  it('work in a clone before a build, which they make', { timeout: 240_000 }, async () => {
    const clone = mkdtempSync(join(tmpdir(), 'perennial-clone-'))
    onTestFinished(() => rmSync(clone, { recursive: true, force: true }))
    const skipped = /(^|\/)(dist|node_modules|\.git)(\/|$)/
    for (const name of ['package.json', 'tsconfig.base.json', 'tsconfig.build.json', 'packages'])
      cpSync(join(root, name), join(clone, name), {
        recursive: true,
        filter: (path) => !skipped.test(path.slice(root.length - 1)),
      })
    // The dependencies of this checkout, but the packages of the clone.
    mkdirSync(join(clone, 'node_modules/@perennial'), { recursive: true })
    for (const name of readdirSync(join(root, 'node_modules')))
      if (name !== '@perennial')
        symlinkSync(join(root, 'node_modules', name), join(clone, 'node_modules', name))
    for (const folder of packages)
      symlinkSync(join(clone, folder), join(clone, folder.replace('packages', 'node_modules/@perennial')))
    const run = (path: string) => promisify(execFile)(process.execPath, [join(clone, path), '--help'])
    const first = await run('packages/server/bin/perennial.js')
    expect(first.stdout).toMatch(/^Usage:|perennial doctor/m)
    expect(first.stdout).not.toContain('bytes (min+gzip)')
    expect(first.stderr).toContain('building the packages once')
    const second = await run('packages/emulator/bin/perennial-emulator.js')
    expect([second.stdout.includes('--port'), second.stderr]).toEqual([true, ''])
  })

  it('are programs that can be run', () => {
    for (const folder of ['packages/server', 'packages/emulator'])
      for (const path of Object.values<string>(manifestOf(folder).bin)) {
        const file = join(root, folder, path)
        expect(read(join(folder, path))).toMatch(/^#!\/usr\/bin\/env node\n/)
        expect(statSync(file).mode & 0o111).toBe(0o111)
      }
  })
})

describe('the deployment files', () => {
  it.runIf(existsSync('/usr/bin/systemd-analyze'))('have a unit that systemd accepts', async () => {
    // The program is not installed on this machine, and systemd looks for it.
    const folder = mkdtempSync(join(tmpdir(), 'perennial-unit-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    cpSync(join(root, 'deploy/perennial.service'), join(folder, 'perennial.service'))
    const { stderr } = await promisify(execFile)('systemd-analyze', [
      'verify',
      join(folder, 'perennial.service'),
    ])
    expect(stderr).toBe('')
  })

  it('run on Kubernetes with probes, a secret, and an update that leaves nobody without a pod', () => {
    const manifest = read('deploy/kubernetes.yaml')
    for (const part of [
      'readinessProbe:\n            httpGet: { path: /readyz, port: http }',
      'livenessProbe:\n            httpGet: { path: /healthz, port: http }',
      'secretRef: { name: perennial }',
      'rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }',
      'enableServiceLinks: false',
      'runAsNonRoot: true',
      '{ name: NODE_ENV, value: production }',
    ])
      expect(manifest).toContain(part)
    expect(manifest).not.toMatch(/PERENNIAL_SECRET: |sk_[A-Za-z0-9]/)
  })
})
