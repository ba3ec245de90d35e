import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { describeStore } from '../store.contract.js'
import { openSqliteStore } from './store.js'

const directory = mkdtempSync(join(tmpdir(), 'perennial-'))
afterAll(() => rmSync(directory, { recursive: true }))
let opened = 0

describeStore('sqlite', (world) => openSqliteStore(join(directory, `${opened++}.db`), world))
