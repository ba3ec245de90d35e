import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../../auth/test/kit/redis.js'
import { makeFolder } from './kit/service-process.js'

const withOutput = fileURLToPath(new URL('kit/run-with-output.py', import.meta.url))
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))

let folder: ReturnType<typeof makeFolder>
let child: ChildProcess | undefined
let url: string
beforeEach(() => {
  folder = makeFolder()
})
afterEach(async () => {
  if (child && child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  folder.remove()
})

async function start(stdout: number | 'pipe'): Promise<ChildProcess> {
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  const env = { PORT: String(port), EMULATOR_PORT: '0', LOG_LEVEL: 'debug' }
  child = spawn(process.execPath, [main], { cwd: folder.path, env, stdio: ['ignore', stdout, 'pipe'] })
  await untilServing()
  return child
}

async function untilServing(): Promise<void> {
  const answers = () =>
    fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    )
  await expect.poll(answers, { interval: 100 }).toBe(true)
}

/** Sends requests that are logged, then expects the service to answer and to exit with 0 at SIGTERM. */
async function expectAlive(
  service: ChildProcess,
  requests: number,
  term: () => void = () => void service.kill('SIGTERM'),
): Promise<void> {
  for (let sent = 0; sent < requests; sent += 50)
    await Promise.all(Array.from({ length: 50 }, async () => (await fetch(`${url}/healthz`)).text()))
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  const ended = once(service, 'exit')
  term()
  expect(await ended).toEqual([0, null])
}

/** Starts the service with both outputs on a device, through a program that can fill, read or close its other end. */
async function startOn(device: string, orders: readonly string[]) {
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  const env = { PORT: String(port), EMULATOR_PORT: '0', LOG_LEVEL: 'debug' }
  const runner = spawn('python3', [withOutput, device, process.execPath, main], {
    cwd: folder.path,
    env: { ...env, PATH: process.env['PATH'] },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child = runner
  const order = (words: readonly string[]) =>
    void runner.stdin.write(words.map((word) => `${word}\n`).join(''))
  order([...orders, 'start'])
  await untilServing()
  return { runner, order, term: () => order(['term']) }
}

describe('a service whose standard output cannot be written', () => {
  it('serves, stops and counts the lost lines on a full disk', async () => {
    const full = openSync('/dev/full', 'w')
    const service = await start(full)
    closeSync(full)
    let errors = ''
    service.stderr?.on('data', (bytes: Buffer) => (errors += bytes.toString()))
    await expectAlive(service, 100)
    const count = Number(/^(\d+) lines of the log could not be written\.$/m.exec(errors)?.[1])
    expect(count).toBeGreaterThan(100)
  })

  it('serves and stops after the reader of a pipe has gone', async () => {
    const service = await start('pipe')
    service.stdout?.destroy()
    await expectAlive(service, 100)
  })

  it('serves and stops while the reader of a pipe has stopped', async () => {
    const service = await start('pipe')
    // Nobody reads; 64 KiB fill the pipe.
    await expectAlive(service, 1_000)
  })

  it.each(['pty', 'pipe', 'socket'])(
    'starts, serves and stops while both outputs are a %s that is full and that nobody reads',
    async (device) => {
      const { runner, term } = await startOn(device, ['fill'])
      await expectAlive(runner, 500, term)
    },
  )

  it.each(['pty', 'pipe', 'socket'])(
    'starts, serves and stops after the other end of both outputs, a %s, is closed',
    async (device) => {
      const { runner, term } = await startOn(device, ['close'])
      await expectAlive(runner, 100, term)
    },
  )

  it.each(['pty', 'pipe', 'socket'])(
    'serves and stops after the other end of both outputs, a %s, goes away later',
    async (device) => {
      const { runner, order, term } = await startOn(device, ['read'])
      order(['close'])
      await expectAlive(runner, 100, term)
    },
  )

  it.each(['pty', 'pipe', 'socket'])('writes the lines that wait once a %s is read again', async (device) => {
    const { runner, order, term } = await startOn(device, ['fill'])
    await (await fetch(`${url}/healthz`, { headers: { 'x-request-id': 'while-stuck' } })).text()
    let text = ''
    runner.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()))
    order(['read'])
    await expect.poll(() => text).toContain('"requestId":"while-stuck"')
    await expectAlive(runner, 50, term)
  })
})
