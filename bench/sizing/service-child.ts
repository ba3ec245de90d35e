/** The service in a process of its own: says where it listens, and its CPU seconds whenever it is asked. */
import process from 'node:process'
import { readConfig, startService } from '@perennial/server'

const service = await startService(readConfig(process.env, { readTextFile: () => '' }))
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.((user + system) / 1_000_000)
})
process.once('disconnect', () => void service.close())
process.send?.(service.url)
