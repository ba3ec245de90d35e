import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../../auth/test/kit/redis.js'
import { makeFolder } from './kit/service-process.js'

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
  const answers = () =>
    fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    )
  await expect.poll(answers, { interval: 100 }).toBe(true)
  return child
}

/** Sends requests that are logged, then expects the service to answer and to exit with 0 at SIGTERM. */
async function expectAlive(service: ChildProcess, requests: number): Promise<void> {
  for (let sent = 0; sent < requests; sent += 50)
    await Promise.all(Array.from({ length: 50 }, async () => (await fetch(`${url}/healthz`)).text()))
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  const ended = once(service, 'exit')
  service.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
}

describe('a service whose standard output cannot be written', () => {
  it('serves and stops on a full disk', async () => {
    const full = openSync('/dev/full', 'w')
    const service = await start(full)
    closeSync(full)
    await expectAlive(service, 100)
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
})
