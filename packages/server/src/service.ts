import { readFileSync } from 'node:fs'
import process from 'node:process'
import { ConfigError, readConfig, type Config } from './config/index.js'
import { greet } from './greeting.js'
import { loadEnvFile } from './load-env-file.js'
import { StartFailure, startService, stopOnSignals } from './start/index.js'

/** Runs the service as a process: reads `.env` and the environment, starts, and stops on a signal. */
export async function run(): Promise<void> {
  ignoreOutputErrors()
  const config = configure()
  if (config === null) return
  try {
    const service = await startService(config)
    stopOnSignals(process, () => service.close())
    if (config.environment === 'development') process.stdout.write(await greet(service, config.showDocs))
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error
    fail(error.message)
  }
}

/** An unhandled error of these streams would end the process, for example on a full disk. */
function ignoreOutputErrors(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

function configure(): Config | null {
  const problem = loadEnvFile()
  if (problem !== null) {
    fail(problem)
    return null
  }
  try {
    return readConfig(process.env, { readTextFile: (path) => readFileSync(path, 'utf8') })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    fail(error.message)
    return null
  }
}

function fail(lines: string): void {
  process.stderr.write(`${lines}\n`)
  process.exitCode = 1
}
