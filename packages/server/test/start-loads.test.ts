import { expect, it, onTestFinished } from 'vitest'
import { makeFolder, startProcess } from './kit/service-process.js'

const production = {
  NODE_ENV: 'production',
  PERENNIAL_SECRET: Buffer.alloc(32, 1).toString('base64'),
  MEMBERSTACK_APP_ID: 'app_starting',
  MEMBERSTACK_SECRET_KEY: 'sk_starting',
}

async function loadedBy(env: Readonly<Record<string, string>>): Promise<string> {
  const folder = makeFolder()
  const service = startProcess(folder.path, {
    ...production,
    ...env,
    NODE_OPTIONS: `--import ${new URL('kit/loaded-at-start.ts', import.meta.url).href}`,
  })
  onTestFinished(async () => {
    service.child.kill('SIGKILL')
    await service.ended()
    folder.remove()
  })
  await service.waitFor(/"msg":"listening"/)
  service.child.kill('SIGUSR2')
  await service.waitFor(/that is all/)
  return service.output()
}

it('loads no module at its start for a feature that is off', async () => {
  const loaded = await loadedBy({})
  // The list is one: what every start needs is in it.
  for (const needed of ['/fastify/fastify.js', '/pino/pino.js', 'NativeModule net']) {
    expect(loaded).toContain(needed)
  }
  const offByDefault = [
    '@sentry',
    '@opentelemetry',
    'posthog-node',
    'prom-client',
    'ioredis',
    '/emulator/',
    '/dist/demo/',
  ]
  const needless = [
    '/ajv/',
    'fast-json-stringify-compiler',
    '/jose/dist/webapi/index.js',
    '/undici/',
    'deps/undici',
  ]
  expect([...offByDefault, ...needless].filter((name) => loaded.includes(name))).toEqual([])
  // To find and link 150 small modules took two thirds of the time of an import of the library.
  const ownModules = loaded.split('\n').filter((line) => line.includes('/packages/auth/dist/'))
  expect(ownModules.length).toBeGreaterThan(0)
  expect(ownModules.length).toBeLessThan(30)
})

it('loads the metrics if they are on', async () => {
  expect(await loadedBy({ METRICS: 'on' })).toContain('/prom-client/')
})
