/**
 * Prints the cost of a protected route on each framework, beside the same route without authentication and beside other
 * libraries. Ends with an error at the first wrong answer. `--rounds 2` is quick, `--processes 3` steadier; `--only Fastify`
 * takes one framework; `--pin` gives the servers one processor and the load another (Linux).
 */
import { createPlan, frameworks, measureFramework, shapes, type Measured } from './adapters/index.ts'
import { readFlags, requireWhole } from './kit/flags.ts'
import { middle } from './kit/rounds.ts'
import { number, printTable } from './kit/table.ts'

const { only, ...flags } = readFlags({ rounds: 8, processes: 1, only: '', pin: false })
requireWhole({ '--rounds': flags.rounds, '--processes': flags.processes })
const plan = await createPlan(flags)
for (const framework of only ? [only] : frameworks)
  printFramework(framework, await measureFramework(framework, plan))
plan.keySets.close()

function printFramework(framework: string, measured: readonly Measured[]): void {
  const rows = measured.flatMap(({ samples, ...one }) =>
    shapes.map((shape) => ({ ...one, shape, samples: samples[shape], isFirst: shape === shapes[0] })),
  )
  printTable(rows, {
    [framework]: ({ name }) => name,
    tokens: ({ shape }) => shape,
    'CPU s per 10,000': ({ samples }) => middle(samples, 'cpuSecondsPer10000').toFixed(3),
    'against open': ({ samples }) => middle(samples, 'againstOpen').toFixed(2),
    'requests/s': ({ samples }) => number(middle(samples, 'requestsPerSecond')),
    'p99 ms': ({ samples }) => middle(samples, 'p99Ms').toFixed(1),
    'memory MB': ({ isFirst, memoryBytes }) => (isFirst ? (memoryBytes / 1e6).toFixed(0) : ''),
    refused: ({ isFirst, refused }) => (isFirst ? refused : ''),
    'key-set fetches: load / 300 unknown keys': ({ isFirst, fetches }) => (isFirst ? fetches : ''),
  })
}
