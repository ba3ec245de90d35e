import process from 'node:process'
import { readConfig, startService } from '@perennial/server'
import { startProcess, type BenchProcess, type Started } from './process.ts'

interface Ready {
  readonly port: number
}

/** Starts the service as operators run it, in production mode, in a process of its own, with these variables. */
export function startServiceProcess(
  variables: Readonly<Record<string, string>>,
): Promise<BenchProcess<Ready>> {
  const environment = { PATH: process.env['PATH'], PORT: '0', ...variables }
  return startProcess(import.meta.url, null, { environment, output: 'ignore' })
}

/** Runs in that process. */
export async function start(): Promise<Started<Ready>> {
  const service = await startService(readConfig(process.env, { readTextFile: () => '' }))
  return { ready: { port: Number(new URL(service.url).port) } }
}
