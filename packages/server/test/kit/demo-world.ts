import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { ServerResponse } from 'node:http'
import { readConfig } from '../../src/config/index.js'
import { startService } from '../../src/start/index.js'
import { makeFolder } from './service-process.js'

/** The service with its demo page, on the real clock, which can be set ahead. */
export interface DemoWorld {
  readonly url: string
  pass(seconds: number): void
  close(): Promise<void>
}

/** Starts it in this process with only these variables set. */
export async function startDemoWorld(env: Readonly<Record<string, string>>): Promise<DemoWorld> {
  let ahead = 0
  const clock = () => Date.now() / 1000 + ahead
  const folder = makeFolder()
  const settings = { PORT: '0', EMULATOR_PORT: '0', LOG_LEVEL: 'silent', ...env }
  const config = readConfig(
    { STORE_URL: `sqlite:${folder.path}/perennial.db`, ...settings },
    { readTextFile: () => '' },
  )
  const service = await startService(config, { clock })
  // Node writes the machine's time into `Date`, which the client uses.
  const setDate = (message: unknown) => {
    if (typeof message !== 'object' || message === null || !('response' in message)) return
    if (message.response instanceof ServerResponse)
      message.response.setHeader('Date', new Date(clock() * 1000).toUTCString())
  }
  subscribe('http.server.request.start', setDate)
  return {
    url: service.url,
    pass: (seconds) => void (ahead += seconds),
    async close() {
      unsubscribe('http.server.request.start', setDate)
      await service.close()
      folder.remove()
    },
  }
}
