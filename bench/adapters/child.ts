/** One contender in a process of its own: says its port, and its CPU time and memory whenever it is asked. */
import process from 'node:process'
import { createPerennial } from '@perennial/auth'
import { contenders } from './servers.ts'

const [name = '', jwks = '', upstream = ''] = process.argv.slice(2)
const start = contenders[name]
if (!start) throw new Error(`no contender ${name}`)
// Forward mode, so that all contenders are shown the same RS256 tokens.
const perennial = await createPerennial({
  store: 'memory:',
  memberstack: { appId: 'app_bench', jwks, refreshUrl: upstream },
})
const port = await start(perennial)
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpuSeconds: (user + system) / 1e6, memoryBytes: process.memoryUsage().rss })
})
process.once('disconnect', () => process.exit())
process.send?.({ port })
