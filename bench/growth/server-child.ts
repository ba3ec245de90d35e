/** One Express server with `GET /me`, in a process of its own. */
import { once } from 'node:events'
import process from 'node:process'
import { createPerennial, type PerennialOptions } from '@perennial/auth'
import { authenticate } from '@perennial/auth/express'
import express from 'express'
import { memberId } from './member.ts'
import type { ServerQuestion } from './server-process.ts'

const options: PerennialOptions | null = JSON.parse(process.argv[2] ?? 'null')
let aheadSeconds = 0
const app = express()
if (options) {
  const clock = () => Date.now() / 1000 + aheadSeconds
  app.use(authenticate(await createPerennial({ ...options, clock })))
}
app.get('/me', (request, response) => {
  response.json({ id: options ? request.memberstackUser?.userId : memberId(0) })
})
const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
if (address === null || typeof address === 'string') throw new Error('not a TCP server')

process.on('message', ({ advanceSeconds }: ServerQuestion) => {
  aheadSeconds += advanceSeconds
  const { user, system } = process.cpuUsage()
  process.send?.({ cpuSeconds: (user + system) / 1e6 })
})
process.once('disconnect', () => process.exit())
process.send?.({ port: address.port })
