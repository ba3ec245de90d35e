import {
  type Clock,
  createHttpClient,
  createPerennial,
  type Perennial,
  prepareStorePath,
  type StoreAddress,
  StorePathError,
  systemClock,
} from '@perennial/auth'
import type { Emulator } from '@perennial/emulator'
import type { FastifyInstance } from 'fastify'
import process from 'node:process'
import { readVersion } from '../base/process.js'
import { createApp } from '../app/index.js'
import type { Config } from '../config/index.js'
import { createTelemetry, type ServiceTelemetry } from '../telemetry/index.js'
import { createDemoFor, findMemberstack } from './laptop.js'
import { createTeardown, type Teardown } from './shutdown.js'
import { listenFailure, StartFailure, toStartFailure } from './start-failure.js'

/** A running service. */
export interface Service {
  /** The base URL at which this machine reaches the service. */
  readonly url: string
  readonly mode: Perennial['mode']
  /** The emulator, if no real Memberstack is configured. */
  readonly emulator: Emulator | null
  /** Stops listening, lets requests under way finish, flushes the telemetry sinks and closes the store. Never rejects. */
  close(): Promise<void>
}

/** Dependencies of the service that the environment does not name. */
export interface Surroundings {
  /** The clock of the service and of its emulator. @defaultValue the system clock */
  readonly clock?: Clock | undefined
}

const flushSeconds = 3

/**
 * Starts everything that the configuration asks for. If one part fails to start, those already started are stopped.
 * @throws StartFailure with a one-line message for people
 */
export async function startService(
  config: Config,
  { clock = systemClock }: Surroundings = {},
): Promise<Service> {
  const telemetry = await openTelemetry(config, clock)
  const { logger } = telemetry
  const teardown = createTeardown((err) => logger.error({ err }, 'not_closed_well'))
  let isRunning = false
  teardown.add(async () => {
    // A start that fails is one line on standard error.
    if (isRunning) logger.info('stopped')
    await telemetry.flush(flushSeconds)
  })
  for (const warning of [...config.warnings, ...config.plainConnections])
    logger.warn({ warning }, 'config_warning')
  try {
    const service = await startParts(config, { telemetry, teardown, clock })
    const { url, mode, emulator } = service
    const { environment } = config
    logger.info(
      {
        version: readVersion(),
        node: process.versions.node,
        environment,
        url,
        mode,
        emulator: emulator !== null,
      },
      'listening',
    )
    isRunning = true
    teardown.add(async () => logger.info('stopping'))
    return service
  } catch (error) {
    await teardown.run()
    throw toStartFailure(error)
  }
}

async function startParts(
  config: Config,
  {
    telemetry,
    teardown,
    clock,
  }: { readonly telemetry: ServiceTelemetry; readonly teardown: Teardown; readonly clock: Clock },
): Promise<Service> {
  prepareStoreFolder(config.store)
  const { options: memberstack, emulator } = await findMemberstack(config.memberstack, clock)
  if (emulator) teardown.add(() => emulator.close())
  const httpClient = createHttpClient({ proxy: config.proxy })
  teardown.add(() => httpClient.close())
  const options = {
    ...config.perennial,
    store: config.store.url,
    memberstack,
    telemetry: telemetry.telemetry,
    httpClient,
    clock,
  }
  const usual = await createPerennial(options)
  teardown.add(() => usual.close())
  const demo = await createDemoFor(config, { emulator, usual, options })
  if (demo) teardown.add(() => demo.perennial.close())
  const perennial = demo?.perennial ?? usual
  const { logger, readMetrics, observeHttp, followTrace } = telemetry
  const app = createApp({ config, perennial, logger, readMetrics, observeHttp, followTrace, demo })
  teardown.add(() => app.close())
  const url = await listen(app, config)
  emulator?.setWebhookUrl(`${url}/v1/webhooks/memberstack`)
  return { url, mode: perennial.mode, emulator, close: () => teardown.run() }
}

async function openTelemetry(config: Config, clock: Clock): Promise<ServiceTelemetry> {
  try {
    return await createTelemetry({
      logLevel: config.logLevel,
      sentryDsn: config.sentryDsn,
      posthogApiKey: config.posthog?.apiKey,
      posthogHost: config.posthog?.host,
      otlpEndpoint: config.otlpEndpoint,
      metrics: config.showMetrics,
      environment: config.environment,
      readableLog: config.environment === 'development' && process.stdout.isTTY,
      clock,
    })
  } catch (error) {
    throw toStartFailure(error)
  }
}

async function listen(app: FastifyInstance, { host, port }: Config): Promise<string> {
  await app.listen({ host, port }).catch((error: unknown) => {
    throw listenFailure(error, { variable: 'PORT', host, port })
  })
  const address = app.server.address()
  if (address === null || typeof address === 'string') throw new TypeError('the server has no port')
  return `http://${reachable(address.address)}:${address.port}`
}

/** Returns the loopback address for a wildcard address, and the address itself otherwise. */
function reachable(address: string): string {
  if (address === '0.0.0.0' || address === '::') return '127.0.0.1'
  return address.includes(':') ? `[${address}]` : address
}

/**
 * Creates the folder of a SQLite file, so that a path that cannot be used stops the start before anything else is opened.
 * @throws StartFailure that names `STORE_URL`
 */
function prepareStoreFolder(store: StoreAddress): void {
  if (store.kind !== 'sqlite') return
  try {
    prepareStorePath(store.path)
  } catch (cause) {
    if (!(cause instanceof StorePathError)) throw cause
    throw new StartFailure(
      `STORE_URL ${cause.message}. A good example: STORE_URL=sqlite:./data/perennial.db`,
      { cause },
    )
  }
}
