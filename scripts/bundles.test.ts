import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createPerennial } from '@perennial/auth'
import { createFetchHandler } from '@perennial/auth/fetch'
import { startEmulator } from '@perennial/emulator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bun, deno, installRuntimes } from '../packages/auth/test/kit/runtimes.js'
import { hasWorkerd, startWorkerd } from '../packages/auth/test/kit/workerd.js'
import { bundle, bundleTargets, type BundleTarget } from './bundling.ts'
import { withInstalled } from './installed-package.ts'

const library = fileURLToPath(new URL('../packages/auth', import.meta.url))
const doors = ['', '/fetch', '/pages', '/verifier', '/postgres', '/d1']

/** The modules of Node that workerd, Deno and Bun have. */
const usual = /^node:(buffer|crypto|fs|fs\/promises|net|path|process|stream|timers\/promises|tls|util|zlib)$/
const optionalPeers = ['ioredis', 'pg']

const everything = `${doors.map((door, place) => `import * as door${place} from '@perennial/auth${door}'`).join('\n')}
export const doors = [${doors.map((_, place) => `Object.keys(door${place}).length`).join(', ')}]`

/** Verifies a token, as a function of the request. */
const verifying = `${everything}
import { createVerifier } from '@perennial/auth/verifier'
async function verify({ jwksUri, appId, token }) {
  const verifier = createVerifier({ jwksUri, appId })
  const { user } = await verifier.authenticate({ authorization: \`Bearer \${token}\` })
  await verifier.close()
  return { doors, email: user.email }
}`
const worker = `${verifying}
export default { fetch: async (request) => Response.json(await verify(await request.json())) }`
const program = `${verifying}
console.log(JSON.stringify(await verify(JSON.parse(process.argv[2]))))`

/** A folder in which the library is installed, and none of its optional peers. */
let place: string
let remove = () => {}
let removed: Promise<void>
beforeAll(async () => {
  place = await new Promise<string>((resolve, reject) => {
    const untilRemoved = new Promise<void>((done) => (remove = done))
    removed = withInstalled(library, (folder) => {
      resolve(folder)
      return untilRemoved
    })
    removed.catch(reject)
  })
  for (const peer of optionalPeers) expect(existsSync(join(place, 'node_modules', peer))).toBe(false)
}, 60_000)
afterAll(async () => {
  remove()
  await removed
})

describe('a bundle of the library, where its optional peers are not installed', () => {
  it.each(bundleTargets)(
    'is built for %s without a replacement for node:sqlite, node:http, undici, ioredis or pg',
    async (target) => {
      const built = await bundle(everything, { target, place })
      expect(built.loadedAtStart.filter((name) => !usual.test(name))).toEqual([])
      expect(built.loadedLater.filter((name) => !optionalPeers.includes(name))).toEqual([])
    },
  )

  it.each(bundleTargets)('for %s has no HTTP client beside fetch, and no driver', async (target) => {
    const { inputs } = await bundle(everything, { target, place })
    expect(inputs.filter((path) => /^node_modules\/(?:undici|ioredis|pg)\//.test(path))).toEqual([])
  })
})

it.runIf(process.env['CI'])('Deno, Bun and workerd are installed where everything is tested', () => {
  expect(deno, installRuntimes).not.toBeNull()
  expect(bun, installRuntimes).not.toBeNull()
  expect(hasWorkerd).toBe(true)
})

describe('a bundle of the library verifies a token', () => {
  let argument: string
  const stops: (() => Promise<void>)[] = []
  beforeAll(async () => {
    const emulator = await startEmulator()
    const { appId, secretKey, adminUrl, issuer } = emulator
    const perennial = await createPerennial({
      store: 'memory:',
      memberstack: { appId, secretKey, adminUrl, issuer },
    })
    const request = new Request('https://auth.example/v1/auth/session', {
      method: 'POST',
      headers: { authorization: `Bearer ${(await emulator.issueTokens()).accessToken}` },
    })
    const { accessToken: token } = await (
      await createFetchHandler(perennial, { clientAddress: () => '192.0.2.1' })(request)
    ).json()
    const keys = await perennial.readJwks()
    const server = createServer((_request, response) => response.end(keys)).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    argument = JSON.stringify({ jwksUri: `http://127.0.0.1:${port}/`, appId, token })
    stops.push(
      async () => void server.close(),
      () => perennial.close(),
      () => emulator.close(),
    )
  })
  afterAll(async () => {
    for (const stop of stops) await stop()
  })

  const verified = { doors: doors.map(() => expect.any(Number)), email: 'ada@example.com' }

  it.runIf(hasWorkerd)('in workerd', async () => {
    const { text: script } = await bundle(worker, { target: 'workerd', place })
    const server = await startWorkerd({ modules: true, script })
    const answer = await server.dispatchFetch('http://worker/', { method: 'POST', body: argument })
    expect(await answer.json()).toEqual(verified)
    await server.dispose()
  })

  /** Runs a program, and returns what it prints. */
  const run = async (command: readonly string[], file: string): Promise<unknown> => {
    const [name = '', ...parameters] = command
    const child = spawn(name, [...parameters, file, argument], { cwd: place })
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
    expect(output, errors).not.toBe('')
    return JSON.parse(output)
  }

  const runtimes: readonly (readonly [
    name: string,
    target: BundleTarget,
    command: readonly string[] | null,
  ])[] = [
    ['Deno', 'deno', deno === null ? null : [deno, 'run', '--allow-all']],
    ['Bun', 'bun', bun === null ? null : [bun, 'run']],
  ]
  for (const [name, target, command] of runtimes)
    it.runIf(command)(`in ${name}`, async () => {
      const file = join(place, `${target}.mjs`)
      await writeFile(file, (await bundle(program, { target, place })).text)
      expect(await run(command ?? [], file)).toEqual(verified)
    })

  it('in Node, without a bundler', async () => {
    const file = join(place, 'node.mjs')
    await writeFile(file, program)
    expect(await run([process.execPath], file)).toEqual(verified)
  })
})
