/**
 * Prints the CPU of a refresh in session mode against the least that a rotation in SQLite can cost, and the size of the
 * store. `--sessions 20000` is quick; the default is a million.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { readFlags, requireWhole } from './kit/flags.ts'
import { cpuSecondsOf } from './kit/machine.ts'
import { inTurns, median } from './kit/rounds.ts'
import { head, number, row } from './kit/table.ts'
import { createPlainUpdate } from './session-cost/plain-update.ts'
import { createRefresher, mostAtOnce } from './session-cost/refresher.ts'
import { measureStoreSize } from './session-cost/store-size.ts'

const per = 10_000
const rounds = 5
const liveSessions = 500

type Run = (turns: number) => Promise<void> | void

/** The first contender is the one that the others are compared with. */
async function compare(contenders: Readonly<Record<string, Run>>, turns: number): Promise<void> {
  for (const run of Object.values(contenders)) await run(Math.ceil(turns / 10))
  const samples = await inTurns(
    Object.entries(contenders),
    rounds,
    async ([, run]) => ((await cpuSecondsOf(() => run(turns))) / turns) * per,
  )
  const [plain = []] = samples.values()
  head('what', `CPU seconds per ${number(per)}`, 'against the plain one', 'rounds')
  for (const [[name], seconds] of samples) {
    const ratio = median(seconds.map((own, round) => own / (plain[round] ?? NaN)))
    const spread = `${Math.min(...seconds).toFixed(2)} to ${Math.max(...seconds).toFixed(2)}`
    row(name, median(seconds).toFixed(2), ratio.toFixed(2), spread)
  }
}

async function measureRefreshes(folder: string, turns: number): Promise<void> {
  const plain = createPlainUpdate(join(folder, 'plain.db'), liveSessions)
  const sqlite = await createRefresher(`sqlite:${join(folder, 'perennial.db')}`, liveSessions)
  const memory = await createRefresher('memory:', liveSessions)
  const contenders = {
    'plain `SELECT` + `UPDATE` in one transaction, SQLite': (count: number) => plain.run(count),
    'refresh, `memory:`, one at a time': (count: number) => memory.run(count, 1),
    [`refresh, \`memory:\`, ${mostAtOnce} at once`]: (count: number) => memory.run(count, mostAtOnce),
    'refresh, SQLite, one at a time': (count: number) => sqlite.run(count, 1),
    [`refresh, SQLite, ${mostAtOnce} at once`]: (count: number) => sqlite.run(count, mostAtOnce),
  }
  try {
    await compare(contenders, turns)
  } finally {
    plain.close()
    await sqlite.close()
    await memory.close()
  }
}

async function measureSizes(folder: string, sessions: number): Promise<void> {
  const cost = `CPU s per ${number(per)} rotations`
  head('live sessions', 'size of the file', 'bytes a session', 'filled in', cost)
  for (const count of [Math.min(1000, sessions), sessions]) {
    const path = join(folder, `size-${count}.db`)
    const { bytes, fillSeconds, rotationSeconds } = await measureStoreSize(path, count)
    const megabytes = `${(bytes / 1_000_000).toFixed(1)} MB`
    const filled = `${fillSeconds.toFixed(1)} s`
    row(number(count), megabytes, (bytes / count).toFixed(0), filled, rotationSeconds.toFixed(2))
  }
}

const { sessions, refreshes } = readFlags({ sessions: 1_000_000, refreshes: 1000 })
requireWhole({ '--sessions': sessions, '--refreshes': refreshes })
const folder = mkdtempSync(join(tmpdir(), 'perennial-bench-'))
try {
  await measureRefreshes(folder, refreshes)
  process.stdout.write('\n')
  await measureSizes(folder, sessions)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
