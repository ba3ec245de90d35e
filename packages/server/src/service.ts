import process from 'node:process'
import { loadEnvFile, readTextFile } from './base/text-file.js'
import { type Config, ConfigError, readConfig } from './config/index.js'
import { openOutput, type Output } from './base/output.js'
import { type Service, StartFailure, startService, stopOnSignals } from './start/index.js'

/**
 * Runs the service as a process: reads `.env` and the environment, starts, and stops on a signal. Nothing is written by
 * `process.stdout` or `process.stderr`: on a terminal that is not read they block the process.
 */
export async function run(): Promise<void> {
  ignoreOutputErrors()
  const errors = openOutput({ fd: 2 })
  redirectWarnings(errors)
  const fail = (lines: string) => {
    errors.write(`${lines}\n`)
    process.exitCode = 1
  }
  const config = configure(fail)
  if (config === null) return
  try {
    const service = await startService(config)
    stopOnSignals(process, () => service.close())
    if (config.environment === 'development')
      openOutput({ fd: 1 }).write(await greet(service, config.showDocs))
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error
    fail(error.message)
  }
}

/** An unhandled error of these streams would end the process, for example on a full disk. */
function ignoreOutputErrors(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

/** Writes Node's warnings as Node does, but without blocking. Does nothing if they are off (`--no-warnings`). */
function redirectWarnings(errors: Output): void {
  if (process.listenerCount('warning') === 0) return
  process.removeAllListeners('warning')
  process.on('warning', ({ name, message }) => errors.write(`(node:${process.pid}) ${name}: ${message}\n`))
}

function configure(fail: (lines: string) => void): Config | null {
  const problem = loadEnvFile()
  if (problem !== null) {
    fail(problem)
    return null
  }
  try {
    return readConfig(process.env, { readTextFile })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    fail(error.message)
    return null
  }
}

/** Returns the text for a developer at a terminal once the service runs. */
async function greet(service: Service, showDocs: boolean): Promise<string> {
  const lines = [`Perennial listens on ${service.url} (${service.mode} mode)`]
  // The demo page exists wherever the emulator does.
  if (service.emulator) lines.push(`  the demo page       ${service.url}/`)
  if (showDocs) lines.push(`  the HTTP interface  ${service.url}/docs`)
  if (service.emulator) {
    lines.push(
      `  Memberstack         the emulator, ${service.emulator.url} (ada@example.com and bob@example.com, password perennial-demo)`,
      `  its webhook secret  ${service.emulator.webhookSecret}`,
      '',
      ...(await inviteToRefresh(service.url, service.emulator).catch(noInvitation)),
    )
  }
  return `\n${lines.join('\n')}\n\n`
}

/** Returns a command to paste. It holds a refresh token of the emulated member, who is not a real person. */
async function inviteToRefresh(url: string, emulator: NonNullable<Service['emulator']>): Promise<string[]> {
  const { accessToken } = await emulator.issueTokens()
  const answer = await fetch(`${url}/v1/auth/session`, {
    method: 'POST',
    headers: { authorization: `Bearer ${accessToken}`, 'x-csrf': '1', origin: url },
  })
  const address = `curl -s -X POST ${url}/v1/auth/refresh-token`
  const cookie = answer.headers.get('set-cookie')?.split(';', 1)[0]
  const body: unknown = await answer.json()
  if (answer.ok && cookie)
    return [invitation, `${address} -H 'origin: ${url}' -H 'x-csrf: 1' --cookie '${cookie}'`]
  if (typeof body === 'object' && body !== null && 'refreshToken' in body)
    return [
      invitation,
      `${address} -H 'content-type: application/json' -d '${JSON.stringify({ refreshToken: body.refreshToken })}'`,
    ]
  return [`The emulated member could not sign in (HTTP ${answer.status}): see the log.`]
}

function noInvitation(): string[] {
  return ['The emulated member could not sign in: see the log.']
}

const invitation = 'To exchange a refresh token for a one-hour access token, run:'
