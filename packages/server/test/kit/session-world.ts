import { randomBytes } from 'node:crypto'
import { startEmulator, type Emulator, type EmulatorOptions } from '@perennial/emulator'
import { readConfig } from '../../src/config/index.js'
import { startService, type Service } from '../../src/start/index.js'
import { makeFolder } from './service-process.js'

/** The service in session mode, with an emulator and a folder for its store. */
export interface SessionWorld {
  readonly emulator: Emulator
  readonly service: Service
  readonly storePath: string
  /** Restarts the service on the same store; `changes` are made to its settings. */
  restart(changes?: Readonly<Record<string, string>>): Promise<void>
  close(): Promise<void>
}

/** Returns a new random secret. */
export const newSecret = (): string => randomBytes(32).toString('base64')

/** Returns settings that point a service to this emulator, without effective rate limits. */
export function settingsFor(emulator: Emulator, storePath: string): Record<string, string> {
  return {
    PORT: '0',
    STORE_URL: `sqlite:${storePath}`,
    MEMBERSTACK_APP_ID: emulator.appId,
    MEMBERSTACK_SECRET_KEY: emulator.secretKey,
    MEMBERSTACK_ADMIN_URL: emulator.adminUrl,
    MEMBERSTACK_ISSUER: emulator.issuer,
    MEMBERSTACK_WEBHOOK_SECRET: emulator.webhookSecret,
    RATE_LIMIT_IP_PER_MINUTE: '1000000',
    RATE_LIMIT_IP_TOTAL_PER_MINUTE: '1000000',
    RATE_LIMIT_SESSION_PER_MINUTE: '1000000',
    LOG_LEVEL: 'silent',
  }
}

/** Starts all of it; webhooks go to the service. An empty value removes a setting. */
export async function startSessionWorld(
  env: Readonly<Record<string, string>> = {},
  emulatorOptions: EmulatorOptions = {},
): Promise<SessionWorld> {
  const folder = makeFolder()
  const storePath = `${folder.path}/perennial.db`
  const emulator = await startEmulator(emulatorOptions)
  let settings = { ...settingsFor(emulator, storePath), PERENNIAL_SECRET: newSecret(), ...env }
  const open = async (): Promise<Service> => {
    const started = await startService(readConfig(settings, { readTextFile: () => '' }))
    emulator.setWebhookUrl(`${started.url}/v1/webhooks/memberstack`)
    return started
  }
  let service = await open()
  return {
    emulator,
    storePath,
    get service() {
      return service
    },
    async restart(changes = {}) {
      await service.close()
      settings = { ...settings, ...changes }
      service = await open()
    },
    async close() {
      await service.close()
      await emulator.close()
      folder.remove()
    },
  }
}
