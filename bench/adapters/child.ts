/** One contender in a process of its own: says its port, and its CPU time and memory whenever it is asked. */
import process from 'node:process'
import { pointMemberstackAdminAt } from './memberstack-admin-hook.ts'

const [framework = '', name = '', keySetUrl = '', issuer = '', audience = ''] = process.argv.slice(2)
pointMemberstackAdminAt(keySetUrl)
// Only now: the hook comes before what it changes.
const { findContender } = await import('./contenders.ts')
const port = await findContender(framework, name).start({ keySetUrl, issuer, audience })
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpuSeconds: (user + system) / 1e6, memoryBytes: process.memoryUsage().rss })
})
process.once('disconnect', () => process.exit())
process.send?.({ port })
