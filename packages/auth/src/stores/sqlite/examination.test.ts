import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStore } from '../open-store.js'
import { examineSqliteFile } from './database-file.js'
import { applicationId } from './schema.js'
import { listEnded } from '../../../test/kit/claimed-store.js'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perennial-examine-'))
  path = join(folder, 'store.db')
})
afterEach(() => {
  becomeOurselves()
  chmodSync(folder, 0o700)
  rmSync(folder, { recursive: true, force: true })
})

// Root may write everywhere, so that it becomes somebody else for a moment.
const isRoot = process.geteuid?.() === 0
const becomeNobody = () => isRoot && process.seteuid?.(65_534)
const becomeOurselves = () => isRoot && process.seteuid?.(0)

const make = (...statements: readonly string[]) => {
  const database = new DatabaseSync(path)
  for (const statement of statements) database.exec(statement)
  database.close()
}

describe('examineSqliteFile', () => {
  it('leaves a store as it was, its log too, while a service has it open', async () => {
    const store = await openStore(`sqlite:${path}`, { clock: () => 1_000 })
    await listEnded(store.sessions, 0)
    const contents = () => readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'hex')])
    const before = contents()
    expect(await examineSqliteFile(path)).toEqual({
      journal: 'wal',
      isEmpty: false,
      owner: null,
      signingKeys: [],
    })
    expect(contents()).toEqual(before)
    await store.close()
  })

  it('writes nothing into an empty file', async () => {
    writeFileSync(path, '')
    expect(await examineSqliteFile(path)).toEqual({
      journal: 'delete',
      isEmpty: true,
      owner: null,
      signingKeys: [],
    })
    expect(readFileSync(path)).toHaveLength(0)
  })

  it("refuses what the service would: another program's file, a newer version's, no file, no database", async () => {
    make('CREATE TABLE theirs (a)')
    await expect(examineSqliteFile(path)).rejects.toThrow('belongs to another program')
    rmSync(path)
    make('CREATE TABLE ours (a)', `PRAGMA application_id = ${applicationId}; PRAGMA user_version = 9999`)
    await expect(examineSqliteFile(path)).rejects.toThrow('written by a newer version')
    rmSync(path)
    mkdirSync(path)
    await expect(examineSqliteFile(path)).rejects.toThrow('it is not a file')
    rmSync(path, { recursive: true })
    writeFileSync(path, 'this is no database, but long enough to look like one '.repeat(40))
    await expect(examineSqliteFile(path)).rejects.toThrow('is not a SQLite database')
  })

  it('refuses a file that can only be read, and leaves nothing beside it', async () => {
    await (await openStore(`sqlite:${path}`, { clock: () => 1_000 })).close()
    chmodSync(folder, 0o777)
    chmodSync(path, 0o444)
    const before = readdirSync(folder)
    becomeNobody()
    await expect(examineSqliteFile(path)).rejects.toThrow('this user cannot write it')
    becomeOurselves()
    expect(readdirSync(folder)).toEqual(before)
  })
})
