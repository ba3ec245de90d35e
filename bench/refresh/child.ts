/** One contender in a process of its own: says its port, and its CPU time and memory whenever it is asked. */
import { once } from 'node:events'
import process from 'node:process'
import { contenders } from './contenders.ts'
import type { AdminQuotaState, Surroundings } from './servers.ts'

/** Which contender to start, and where. */
export interface ChildSettings {
  readonly name: string
  readonly surroundings: Surroundings
}

/** What it says when it is ready. */
export interface ChildReady {
  readonly port: number
}

/** What a contender has used up to now. */
export interface Usage {
  /** All its threads. */
  readonly cpuSeconds: number
  readonly memoryBytes: number
}

const { name, surroundings }: ChildSettings = JSON.parse(process.argv[2] ?? '{}')
const contender = contenders.find((one) => one.name === name)
if (!contender) throw new Error(`no contender ${name}`)
const refreshServer = await contender.start(surroundings)
const server = refreshServer.app.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
if (address === null || typeof address === 'string') throw new Error('not a TCP server')

process.on('message', (question: AdminQuotaState | 'usage') => {
  if (question !== 'usage') refreshServer.setQuota(question)
  const { user, system } = process.cpuUsage()
  const usage: Usage = { cpuSeconds: (user + system) / 1e6, memoryBytes: process.memoryUsage().rss }
  process.send?.(usage)
})
process.once('disconnect', () => process.exit())
process.send?.({ port: address.port } satisfies ChildReady)
