/**
 * Prints what a protected route costs on each framework, beside the same route without authentication and beside other
 * libraries. Ends with an error at the first answer that is not the expected one. `--requests 1000 --rounds 3` is quick;
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
    requests: { type: 'string', default: '4000' },
    rounds: { type: 'string', default: '7' },
    only: { type: 'string' },
    pin: { type: 'boolean', default: false },
  },
})
const tokens = createTokens(10_000)
const keySets = await startKeySetServer(tokens.keySet)
const plan = {
  tokens,
  keySets,
  requests: Number(values.requests),
  rounds: Number(values.rounds),
  isPinned: values.pin,
}
for (const [framework, contenders] of Object.entries(frameworks)) {
  if (values.only !== undefined && values.only !== framework) continue
  const names = contenders.map(({ name }) => name)
  process.stdout.write(`${tableOf(framework, await measureFramework(framework, names, plan))}\n`)
}
keySets.close()
