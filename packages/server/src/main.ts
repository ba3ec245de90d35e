#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { readConfig, type Config } from './config/index.js'
import { greet } from './greeting.js'
import { loadEnvFile } from './load-env-file.js'
import { StartFailure, startService, stopOnSignals } from './start/index.js'

function fail(line: string): void {
  process.stderr.write(`${line}\n`)
  process.exitCode = 1
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
    if (!(error instanceof TypeError)) throw error
    fail(error.message)
    return null
  }
}

async function run(config: Config): Promise<void> {
  const service = await startService(config)
  stopOnSignals(process, () => service.close())
  if (config.environment === 'development') process.stdout.write(await greet(service, config.showDocs))
}

const config = configure()
if (config)
  await run(config).catch((error: unknown) => {
    if (!(error instanceof StartFailure)) throw error
    fail(error.message)
  })
