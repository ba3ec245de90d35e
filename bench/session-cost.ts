/**
 * Prints the CPU of a refresh in session mode against the least that a rotation in SQLite can cost, and the size of the
 * store. `--sessions 20000` is quick; the default is a million.
 */
import { join } from 'node:path'
import { readFlags, requireWhole } from './kit/flags.ts'
import { cpuSecondsOf, inFolder } from './kit/machine.ts'
import { inTurns, middle, ratioOf } from './kit/rounds.ts'
import { measureStoreSize, type StoreSize } from './kit/store-size.ts'
import { number, printTable, startTable } from './kit/table.ts'
import { createPlainUpdate, createRefresher, mostAtOnce } from './session-cost/index.ts'

const per = 10_000
const rounds = 5
const liveSessions = 500

type Run = (turns: number) => Promise<void> | void

/** The first contender is the one that the others are compared with. */
async function compare(contenders: Readonly<Record<string, Run>>, turns: number): Promise<void> {
  for (const run of Object.values(contenders)) await run(Math.ceil(turns / 10))
  const samples = await inTurns(Object.entries(contenders), rounds, async ([, run]) => ({
    seconds: ((await cpuSecondsOf(() => run(turns))) / turns) * per,
  }))
  const [plain = []] = samples.values()
  printTable(samples, {
    what: ([[name]]) => name,
    [`CPU seconds per ${number(per)}`]: ([, own]) => middle(own, 'seconds').toFixed(2),
    'against the plain one': ([, own]) => ratioOf(own, plain, 'seconds').toFixed(2),
    rounds([, own]) {
      const sorted = own.map(({ seconds }) => seconds).toSorted((a, b) => a - b)
      return `${sorted[0]?.toFixed(2)} to ${sorted.at(-1)?.toFixed(2)}`
    },
  })
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
  const printSize = startTable<StoreSize>({
    'live sessions': (size) => number(size.sessions),
    'size of the file': ({ bytes }) => `${(bytes / 1e6).toFixed(1)} MB`,
    'bytes a session': (size) => (size.bytes / size.sessions).toFixed(0),
    'filled in': ({ fillSeconds }) => `${fillSeconds.toFixed(1)} s`,
    [`CPU s per ${number(per)} rotations`]: ({ rotationSeconds }) => rotationSeconds.toFixed(2),
  })
  for (const count of [Math.min(1000, sessions), sessions])
    printSize(await measureStoreSize(join(folder, `size-${count}.db`), count))
}

const { sessions, refreshes } = readFlags({ sessions: 1_000_000, refreshes: 1000 })
requireWhole({ '--sessions': sessions, '--refreshes': refreshes })
await inFolder(async (folder) => {
  await measureRefreshes(folder, refreshes)
  await measureSizes(folder, sessions)
})
