/**
 * Prints what a protected route costs on each framework, beside the same route without authentication and beside other
 * libraries. Ends with an error at the first answer that is not the expected one. `--rounds 2` is quick, `--processes 3` steadier;
 * `--only Fastify` takes one framework; `--pin` gives the servers one processor and the load another (Linux).
 */
import process from 'node:process'
import { parseArgs } from 'node:util'
import { frameworks } from './adapters/contenders.ts'
import { startKeySetServer } from './adapters/key-set-server.ts'
import { measureFramework } from './adapters/measure.ts'
import { tableOf } from './adapters/table.ts'
import { createTokens } from './adapters/tokens.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '0.2' },
    rounds: { type: 'string', default: '8' },
    processes: { type: 'string', default: '1' },
    only: { type: 'string' },
    pin: { type: 'boolean', default: false },
  },
})
const tokens = createTokens(10_000)
const keySets = await startKeySetServer(tokens.keySet)
const plan = {
  tokens,
  keySets,
  seconds: Number(values.seconds),
  rounds: Number(values.rounds),
  processes: Number(values.processes),
  isPinned: values.pin,
}
for (const [framework, contenders] of Object.entries(frameworks)) {
  if (values.only !== undefined && values.only !== framework) continue
  const names = contenders.map(({ name }) => name)
  process.stdout.write(`${tableOf(framework, await measureFramework(framework, names, plan))}\n`)
}
keySets.close()
