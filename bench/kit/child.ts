/** The main module of every process that `startProcess` starts. It is no part of process.ts, which the programs import. */
import process from 'node:process'
import { usage } from './machine.ts'
import type { Started } from './process.ts'

const [address = '', settings = 'null'] = process.argv.slice(2)
const program: { start(settings: unknown): Promise<Started<unknown, unknown>> } = await import(address)
const { ready, answer } = await program.start(JSON.parse(settings))
process.on('message', (question) => {
  if (question === 'usage') process.send?.({ answer: usage() })
  else void reply(question)
})
process.once('disconnect', () => process.exit())
process.send?.({ ready })

async function reply(question: unknown): Promise<void> {
  process.send?.({ answer: await answer?.(question) })
}
