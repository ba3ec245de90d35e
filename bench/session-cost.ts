/**
 * Prints the CPU of a refresh in session mode against the least that a rotation in SQLite can cost, and the size of the
 * store. `--sessions 20000` is quick; the default is a million.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createPerennial, type Perennial } from '@perennial/auth'
import { readFlags, requireWhole } from './kit/flags.ts'
import type { Answer, Request } from './kit/http.ts'
import { cpuSecondsOf, inFolder } from './kit/machine.ts'
import { appId, memberClaims, rateLimits, secret, secretKey } from './kit/members.ts'
import { inProcessMemberstack } from './kit/memberstack.ts'
import { pairOf, refreshRequest, signInRequest } from './kit/requests.ts'
import { inTurns, middle, ratioOf } from './kit/rounds.ts'
import { measureStoreSize, type StoreSize } from './kit/sessions.ts'
import { createSigner } from './kit/signer.ts'
import { number, printTable, startTable } from './kit/table.ts'

const per = 10_000
const rounds = 5
const liveSessions = 500
/** Within the quota of the admin API for one second, so that refreshes at once never wait for it. */
const mostAtOnce = 20

const { sessions, refreshes } = readFlags({ sessions: 1_000_000, refreshes: 1000 })
requireWhole({ '--sessions': sessions, '--refreshes': refreshes })
await inFolder(async (folder) => {
  await printRefreshes(folder)
  await printSizes(folder)
})

async function printRefreshes(folder: string): Promise<void> {
  const plain = openPlain(join(folder, 'plain.db'))
  const sqlite = await openPerennial(`sqlite:${join(folder, 'perennial.db')}`)
  const memory = await openPerennial('memory:')
  const contenders = {
    'plain `SELECT` + `UPDATE` in one transaction, SQLite': (count: number) => plain.run(count),
    'refresh, `memory:`, one at a time': (count: number) => memory.run(count, 1),
    [`refresh, \`memory:\`, ${mostAtOnce} at once`]: (count: number) => memory.run(count, mostAtOnce),
    'refresh, SQLite, one at a time': (count: number) => sqlite.run(count, 1),
    [`refresh, SQLite, ${mostAtOnce} at once`]: (count: number) => sqlite.run(count, mostAtOnce),
  }
  try {
    for (const run of Object.values(contenders)) await run(Math.ceil(refreshes / 10))
    const samples = await inTurns(Object.entries(contenders), rounds, async ([, run]) => ({
      seconds: ((await cpuSecondsOf(() => run(refreshes))) / refreshes) * per,
    }))
    const [base = []] = samples.values()
    printTable(samples, {
      what: ([[name]]) => name,
      [`CPU seconds per ${number(per)}`]: ([, own]) => middle(own, 'seconds').toFixed(2),
      'against the plain one': ([, own]) => ratioOf(own, base, 'seconds').toFixed(2),
      rounds([, own]) {
        const sorted = own.map(({ seconds }) => seconds).toSorted((a, b) => a - b)
        return `${sorted[0]?.toFixed(2)} to ${sorted.at(-1)?.toFixed(2)}`
      },
    })
  } finally {
    plain.close()
    await sqlite.close()
    await memory.close()
  }
}

async function printSizes(folder: string): Promise<void> {
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

/**
 * Opens a table of tokens with the same durability as Perennial's store (WAL, `synchronous=FULL`), for the least that a
 * rotation in SQLite can cost: one transaction with a SELECT and an UPDATE.
 */
function openPlain(path: string) {
  const newToken = () => randomBytes(32).toString('base64url')
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  database.exec(
    'CREATE TABLE tokens (id INTEGER PRIMARY KEY, token TEXT NOT NULL, used_at INTEGER NOT NULL) STRICT',
  )
  const insert = database.prepare('INSERT INTO tokens (id, token, used_at) VALUES (?, ?, 0)')
  for (let id = 0; id < liveSessions; id += 1) insert.run(id, newToken())
  const select = database.prepare('SELECT token FROM tokens WHERE id = ?')
  const update = database.prepare('UPDATE tokens SET token = ?, used_at = ? WHERE id = ? AND token = ?')
  let next = 0
  const rotate = (at: number) => {
    database.exec('BEGIN IMMEDIATE')
    const token = String(select.get(next)?.['token'])
    const { changes } = update.run(newToken(), at, next, token)
    database.exec('COMMIT')
    if (changes !== 1) throw new Error('no figure from errors: the plain update changed nothing')
    next = (next + 1) % liveSessions
  }
  return {
    run(turns: number): void {
      for (let turn = 0; turn < turns; turn += 1) rotate(turn)
    },
    close: (): void => database.close(),
  }
}

/** Opens Perennial on a store with live sessions. Its clock advances by more than a second before each group of refreshes. */
async function openPerennial(store: string) {
  let now = Math.floor(Date.now() / 1000)
  const perennial = await createPerennial({
    store,
    secret,
    memberstack: { appId, secretKey },
    rateLimits,
    httpClient: inProcessMemberstack,
    clock: () => now,
  })
  const handle = (request: Request) => callLibrary(perennial, request)
  const member = createSigner('RS256', 'bench')
  const tokens: string[] = []
  for (let index = 0; index < liveSessions; index += 1) {
    now += 1.1
    tokens.push(pairOf(201, await handle(signInRequest(member.sign(memberClaims(index, now))))).refreshToken)
  }
  let next = 0
  const refreshNext = async () => {
    const place = next
    next = (next + 1) % tokens.length
    tokens[place] = pairOf(200, await handle(refreshRequest(tokens[place] ?? ''))).refreshToken
  }
  return {
    /** Refreshes the sessions in turn, `atOnce` at a time. */
    async run(turns: number, atOnce: number): Promise<void> {
      for (let done = 0; done < turns; done += atOnce) {
        now += 1.1
        await Promise.all(Array.from({ length: Math.min(atOnce, turns - done) }, refreshNext))
      }
    },
    close: () => perennial.close(),
  }
}

/** Calls the library as an adapter does, without a server. */
async function callLibrary(perennial: Perennial, { path, token, json }: Request): Promise<Answer> {
  const headers: Readonly<Record<string, string>> = token
    ? { authorization: `Bearer ${token}` }
    : { 'content-type': 'application/json' }
  const { status, body } = await perennial.handle({
    method: 'POST',
    path: path.replace('/v1/auth', ''),
    ip: '127.0.0.1',
    requestId: 'bench',
    header: (name) => headers[name],
    readBody: () => Promise.resolve({ kind: 'parsed', value: json }),
  })
  return { status, body: body ?? '' }
}
