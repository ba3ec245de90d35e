import {
  createPerennial,
  systemClock,
  type Clock,
  type Perennial,
  type PerennialOptions,
} from '@perennial/auth'
import type { Emulator } from '@perennial/emulator'
import type { FastifyInstance } from 'fastify'
import { createApp } from '../app/index.js'
import type { Config } from '../config/index.js'
import type { Demo } from '../demo/index.js'
import { createTelemetry, type ServiceTelemetry } from '../telemetry/index.js'
import { findMemberstack } from './memberstack.js'
import { listenFailure, toStartFailure } from './start-failure.js'
import { prepareStoreFolder } from './store-folder.js'
import { createTeardown, type Teardown } from './teardown.js'

/** A running service. */
export interface Service {
  /** Where it answers, as this machine sees it. */
  readonly url: string
  readonly mode: Perennial['mode']
  /** The Memberstack of laptops, where no real one was configured. */
  readonly emulator: Emulator | null
  /** Takes no more, lets what is under way finish, hands over what sinks hold and closes the store. Never rejects. */
  close(): Promise<void>
}

/** What the service takes from around it, and the environment does not name. */
export interface Surroundings {
  /** Of the service, and of its emulator. @defaultValue the machine's */
  readonly clock?: Clock | undefined
}

const flushSeconds = 3

/**
 * Starts everything the configuration asks for, and ends it again when a part of it does not start.
 * @throws StartFailure with one line for people
 */
export async function startService(
  config: Config,
  { clock = systemClock }: Surroundings = {},
): Promise<Service> {
  const telemetry = await openTelemetry(config, clock)
  const { logger } = telemetry
  const teardown = createTeardown((err) => logger.error({ err }, 'not_closed_well'))
  teardown.add(() => telemetry.flush(flushSeconds))
  for (const warning of config.warnings) logger.warn({ warning }, 'config_warning')
  try {
    const service = await startParts(config, { telemetry, teardown, clock })
    const { url, mode, emulator } = service
    logger.info({ url, mode, emulator: emulator !== null }, 'listening')
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
  await prepareStoreFolder(config.storeUrl)
  const { options: memberstack, emulator } = await findMemberstack(config.memberstack, clock)
  if (emulator) teardown.add(() => emulator.close())
  const options = {
    ...config.perennial,
    store: config.storeUrl,
    memberstack,
    telemetry: telemetry.telemetry,
    clock,
  }
  const usual = await createPerennial(options)
  teardown.add(() => usual.close())
  const demo = await createDemoFor(config, { emulator, usual, options })
  if (demo) teardown.add(() => demo.perennial.close())
  const perennial = demo?.perennial ?? usual
  const { logger, readMetrics } = telemetry
  const app = createApp({ config, perennial, logger, readMetrics, demo })
  teardown.add(() => app.close())
  const url = await listen(app, config)
  emulator?.setWebhookUrl(`${url}/v1/webhooks/memberstack`)
  return { url, mode: perennial.mode, emulator, close: () => teardown.run() }
}

/** Where nothing is real: beside the emulator, and never in production. Its code is loaded only then. */
async function createDemoFor(
  config: Config,
  parts: {
    readonly emulator: Emulator | null
    readonly usual: Perennial
    readonly options: PerennialOptions & { readonly clock: Clock }
  },
): Promise<Demo | undefined> {
  const { emulator, usual, options } = parts
  if (emulator === null || config.environment === 'production') return undefined
  const { createDemo } = await import('../demo/index.js')
  const openShortLived = () => createPerennial({ ...options, accessTokenTtlSeconds: 60 })
  return createDemo({
    emulator,
    perennial: usual,
    // A second opening of `memory:` would be another store.
    openShortLived: config.storeUrl.startsWith('memory:') ? null : openShortLived,
    transport: config.refreshTokenTransport,
    clock: options.clock,
  })
}

async function openTelemetry(config: Config, clock: Clock): Promise<ServiceTelemetry> {
  try {
    return await createTelemetry({
      logLevel: config.logLevel,
      sentryDsn: config.sentryDsn,
      posthogApiKey: config.posthog?.apiKey,
      posthogHost: config.posthog?.host,
      metrics: config.showMetrics,
      environment: config.environment,
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

/** All addresses of this machine are reached by its loopback address. */
function reachable(address: string): string {
  if (address === '0.0.0.0' || address === '::') return '127.0.0.1'
  return address.includes(':') ? `[${address}]` : address
}
