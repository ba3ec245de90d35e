import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { createFakeTime } from '../../../test/kit/fake-time.js'
import { openSqliteStore } from './store.js'

const directory = mkdtempSync(join(tmpdir(), 'perennial-'))
afterAll(() => rmSync(directory, { recursive: true }))
let made = 0
const newPath = () => join(directory, `${made++}.db`)
const open = (path: string) => openSqliteStore(path, createFakeTime())
const refusalOf = async (path: string) => {
  const outcome = await open(path).then(
    () => 'opened',
    (error: unknown) => error,
  )
  expect(outcome).toBeInstanceOf(Error)
  return String(outcome)
}
const makeStore = async () => {
  const path = newPath()
  const store = await open(path)
  await store.webhookLog.markDone('msg_1', 2_000_000_000)
  await store.close()
  return path
}

describe('the SQLite file', () => {
  it('is made with its folder, readable by its owner alone, its log included', async () => {
    const path = join(directory, 'deep', 'er', 'x.db')
    const store = await open(path)
    await store.webhookLog.markDone('msg_1', 2_000_000_000)
    for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(join(directory, 'deep')).mode & 0o777).toBe(0o700)
    await store.close()
  })

  it('has a write-ahead log, flushed at every commit, and a schema with a version', async () => {
    const path = await makeStore()
    const database = new DatabaseSync(path)
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
    expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 4 })
    database.close()
  })

  it('keeps what it was given over a restart', async () => {
    const path = await makeStore()
    const store = await open(path)
    expect(await store.webhookLog.isDone('msg_1')).toBe(true)
    await store.close()
  })

  it('is refused in one line where it cannot be written', async () => {
    const file = newPath()
    writeFileSync(file, '')
    expect(await refusalOf(join(file, 'x.db'))).toMatch(
      /^Error: The store sqlite:.* cannot be used: .*\(ENOTDIR\)\.$/,
    )
    const folder = newPath()
    mkdirSync(folder)
    expect(await refusalOf(folder)).toMatch(/cannot be used: it names a folder, not a file\.$/)
  })

  it('is refused in one line where it is no database', async () => {
    const path = newPath()
    writeFileSync(path, 'these are not the pages you are looking for'.repeat(200))
    expect(await refusalOf(path)).toMatch(
      /^Error: The store sqlite:.* is not a SQLite database: restore .*\.$/,
    )
    expect(readFileSync(path, 'utf8')).toContain('not the pages')
  })

  it('is refused in one line where it is damaged', async () => {
    const path = await makeStore()
    const bytes = readFileSync(path)
    bytes.fill(0xff, 4096 - 512, 4096 * 4)
    writeFileSync(path, bytes)
    expect(await refusalOf(path)).toMatch(/the file is damaged: restore .*\.$/)
    const short = await makeStore()
    truncateSync(short, 4096)
    expect(await refusalOf(short)).toMatch(/the file is damaged: restore .*\.$/)
  })

  it('is refused, and not written to, where it belongs to another program', async () => {
    const path = newPath()
    const database = new DatabaseSync(path)
    database.exec('CREATE TABLE recipes (name TEXT)')
    database.close()
    expect(await refusalOf(path)).toMatch(/belongs to another program\.$/)
    const again = new DatabaseSync(path)
    expect(again.prepare('SELECT name FROM sqlite_schema').all()).toEqual([{ name: 'recipes' }])
    again.close()
  })

  it('is refused, and not written to, where a newer version wrote it', async () => {
    const path = await makeStore()
    const database = new DatabaseSync(path)
    database.exec('PRAGMA user_version = 99')
    database.close()
    expect(await refusalOf(path)).toMatch(/newer version of Perennial \(schema 99, this one knows 4\)\.$/)
  })

  it('is opened by many at once', async () => {
    const path = newPath()
    const stores = await Promise.all(Array.from({ length: 8 }, () => open(path)))
    await Promise.all(stores.map((store, index) => store.webhookLog.markDone(`msg_${index}`, 2_000_000_000)))
    expect(await stores[0]?.webhookLog.isDone('msg_7')).toBe(true)
    await Promise.all(stores.map((store) => store.close()))
  })

  it('keeps the mode that somebody gave it', async () => {
    const path = await makeStore()
    chmodSync(path, 0o660)
    await (await open(path)).close()
    expect(statSync(path).mode & 0o777).toBe(0o660)
  })
})
