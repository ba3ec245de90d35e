/**
 * What a refresh in session mode costs, against the least that a rotation in SQLite can cost, and how large the store
 * grows. Prints a table in Markdown. `--sessions 20000` is quick; the default is a million.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { cpuSecondsOf, median } from './session-cost/cpu-seconds.js'
import { createPlainUpdate } from './session-cost/plain-update.js'
import { createRefresher, mostAtOnce } from './session-cost/refresher.js'
import { measureStoreSize } from './session-cost/store-size.js'

const per = 10_000
const rounds = 5
const liveSessions = 500

interface Contender {
  readonly name: string
  readonly run: (turns: number) => Promise<void> | void
}

const plainName = 'plain `SELECT` + `UPDATE` in one transaction, SQLite'

/** All in turn, several times over, so that whatever else the machine does strikes them alike. */
async function compare(contenders: readonly Contender[], turns: number): Promise<void> {
  for (const { run } of contenders) await run(Math.ceil(turns / 10))
  const samples = new Map(contenders.map(({ name }): [string, number[]] => [name, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, run } of contenders) {
      const seconds = await cpuSecondsOf(() => run(turns))
      samples.get(name)?.push((seconds / turns) * per)
    }
  }
  const plain = samples.get(plainName) ?? []
  print('what', `CPU seconds per ${per.toLocaleString('en')}`, 'against the plain one', 'rounds')
  print('---', '---:', '---:', '---')
  for (const [name, seconds] of samples) {
    const ratio = median(seconds.map((own, round) => own / (plain[round] ?? NaN)))
    const spread = `${Math.min(...seconds).toFixed(2)} to ${Math.max(...seconds).toFixed(2)}`
    print(name, median(seconds).toFixed(2), ratio.toFixed(2), spread)
  }
}

async function measureRefreshes(folder: string, turns: number): Promise<void> {
  const plain = createPlainUpdate(join(folder, 'plain.db'), liveSessions)
  const sqlite = await createRefresher(`sqlite:${join(folder, 'perennial.db')}`, liveSessions)
  const memory = await createRefresher('memory:', liveSessions)
  try {
    await compare(
      [
        { name: plainName, run: (count) => plain.run(count) },
        { name: 'refresh, `memory:`, one at a time', run: (count) => memory.run(count, 1) },
        {
          name: `refresh, \`memory:\`, ${mostAtOnce} at once`,
          run: (count) => memory.run(count, mostAtOnce),
        },
        { name: 'refresh, SQLite, one at a time', run: (count) => sqlite.run(count, 1) },
        { name: `refresh, SQLite, ${mostAtOnce} at once`, run: (count) => sqlite.run(count, mostAtOnce) },
      ],
      turns,
    )
  } finally {
    plain.close()
    await sqlite.close()
    await memory.close()
  }
}

async function measureSizes(folder: string, sessions: number): Promise<void> {
  print(
    'live sessions',
    'size of the file',
    'bytes a session',
    'filled in',
    `CPU s per ${per.toLocaleString('en')} rotations`,
  )
  print('---:', '---:', '---:', '---:', '---:')
  for (const count of [Math.min(1000, sessions), sessions]) {
    const size = await measureStoreSize(join(folder, `size-${count}.db`), count)
    print(
      count.toLocaleString('en'),
      `${(size.bytes / 1_000_000).toFixed(1)} MB`,
      (size.bytes / count).toFixed(0),
      `${size.fillSeconds.toFixed(1)} s`,
      size.rotationSeconds.toFixed(2),
    )
  }
}

function print(...cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}

function readCount(given: string, name: string): number {
  const count = Number(given)
  if (Number.isInteger(count) && count > 0) return count
  throw new TypeError(`--${name} must be a whole number above 0`)
}

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '1000000' },
    refreshes: { type: 'string', default: '1000' },
  },
})
const folder = mkdtempSync(join(tmpdir(), 'perennial-bench-'))
try {
  await measureRefreshes(folder, readCount(values.refreshes, 'refreshes'))
  process.stdout.write('\n')
  await measureSizes(folder, readCount(values.sessions, 'sessions'))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
