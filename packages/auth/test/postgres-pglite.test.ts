import { existsSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { createPostgresStore, type PostgresClient } from '../src/stores/postgres/store.js'
import { describeStore } from '../src/stores/store.contract.js'

const folder = new URL('pglite/', import.meta.url)
const entry = new URL('node_modules/@electric-sql/pglite/dist/index.js', folder)
const install = 'npm ci --prefix packages/auth/test/pglite --ignore-scripts'
const isInstalled = existsSync(entry)
if (!isInstalled) process.stderr.write(`\n*** NOT TESTED: PGlite is not installed. Run: ${install}\n\n`)

it.runIf(process.env['CI'])('PGlite is installed where everything is tested', () => {
  expect(isInstalled, install).toBe(true)
})

/** The part of PGlite that the test uses. */
interface Database extends PostgresClient {
  exec(text: string): Promise<unknown>
  close(): Promise<void>
}

describe.runIf(isInstalled)('on PGlite', async () => {
  // The body of a skipped suite runs too.
  if (!isInstalled) {
    it('needs PGlite', () => {})
    return
  }
  const { PGlite }: { readonly PGlite: { create(): Promise<Database> } } = await import(entry.href)
  const database = await PGlite.create()
  afterAll(() => database.close())

  describeStore('postgres', async (world) => {
    await database.exec('DROP SCHEMA IF EXISTS perennial CASCADE')
    return createPostgresStore(database, world)
  })
})
