#!/usr/bin/env node
import process from 'node:process'
import { parseCommandLine, usage } from './command-line.js'
import type { EmulatorOptions } from './controls/index.js'
import type { Emulator } from './emulator.js'
import { ada, bob } from './members/index.js'

function greeting(emulator: Emulator, webhookUrl = 'none (set --webhook-url)'): string {
  const { url, secretKey, publicKey, appId, jwksUri, refreshUrl, webhookSecret } = emulator
  return `Memberstack emulator on ${url}

  secret key      ${secretKey}
  public key      ${publicKey}
  app id          ${appId}
  key set         ${jwksUri}
  refresh API     ${refreshUrl}
  webhook URL     ${webhookUrl}
  webhook secret  ${webhookSecret}
  members         ${ada.email} / ${ada.password} (${ada.permissions?.join(', ')})
                  ${bob.email} / ${bob.password} (${bob.permissions?.join(', ')})

All data is in memory. Ctrl-C stops the emulator.`
}

function fail(message: string, exitCode: number): void {
  process.stderr.write(`perennial-emulator: ${message}\n`)
  process.exitCode = exitCode
}

async function run(options: EmulatorOptions): Promise<void> {
  // Loaded here, so that a wrong argument is reported at once.
  const { startEmulator } = await import('./start-emulator.js')
  const emulator = await startEmulator(options)
  process.stdout.write(`${greeting(emulator, options.webhookUrl)}\n`)
  const stop = (): void => {
    void emulator.close()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

function describe(error: unknown, { port }: EmulatorOptions): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? error.code : undefined
  return code === 'EADDRINUSE' ? `port ${port} is in use; choose another with --port` : error.message
}

// An output that cannot be written, such as a full disk or a terminal that has gone, does not stop the emulator.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
const command = parseCommandLine(process.argv.slice(2))
if (command.kind === 'start') {
  await run(command.options).catch((error: unknown) => {
    fail(describe(error, command.options), 1)
  })
} else if (command.kind === 'help') {
  process.stdout.write(`${usage}\n`)
} else {
  fail(`${command.message} (see --help)`, 2)
}
