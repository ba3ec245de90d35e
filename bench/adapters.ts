/**
 * Prints what a protected route costs on each framework, beside the same route without authentication and beside other
 * libraries. Ends with an error at the first wrong answer. `--rounds 2` is quick, `--processes 3` steadier; `--only Fastify`
 * takes one framework; `--pin` gives the servers one processor and the load another (Linux).
 */
import { measureFramework } from './adapters/measure.ts'
import { contendersOf } from './adapters/server.ts'
import { printFramework } from './adapters/table.ts'
import { createTokens } from './adapters/tokens.ts'
import { readFlags, requireWhole } from './kit/flags.ts'
import { startKeySets } from './kit/key-sets.ts'

const flags = readFlags({ seconds: 0.2, rounds: 8, processes: 1, only: '', pin: false })
requireWhole({ '--rounds': flags.rounds, '--processes': flags.processes })
const tokens = createTokens(10_000)
const keySets = await startKeySets([tokens.jwk])
for (const framework of flags.only ? [flags.only] : ['Express', 'Fastify', 'Hono']) {
  const names = (await contendersOf(framework)).map(({ name }) => name)
  printFramework(framework, await measureFramework(framework, names, { ...flags, tokens, keySets }))
}
keySets.close()
