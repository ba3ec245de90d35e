import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadLocalSecret } from './local-secret.js'
import { openStore } from './open-store.js'
import { parseStoreAddress } from './store-address.js'
import { createFakeTime } from '../../test/kit/fake-time.js'

const directory = mkdtempSync(join(tmpdir(), 'perennial-'))
afterAll(() => rmSync(directory, { recursive: true }))

describe('openStore', () => {
  it('opens the store at each kind of address', async () => {
    for (const url of [
      'memory:',
      `sqlite:${join(directory, 'a.db')}`,
      `sqlite://${join(directory, 'a.db')}`,
    ]) {
      const store = await openStore(url, createFakeTime())
      await store.check()
      await store.close()
    }
    expect(readdirSync(directory)).toEqual(['a.db'])
  })

  it('refuses an address that is not valid, without the password in it', async () => {
    for (const url of ['mysql://user:hunter2@host/db', 'redis://:hunter2@host/x', 'sqlite:']) {
      const failure = await openStore(url, createFakeTime()).catch((error: unknown) => error)
      expect(failure, url).toBeInstanceOf(TypeError)
      expect(String(failure)).toContain('sqlite:./data/perennial.db')
      expect(String(failure)).not.toContain('hunter2')
    }
  })
})

const loadSecret = (url: string) => loadLocalSecret(parseStoreAddress(url), randomBytes)

describe('loadLocalSecret', () => {
  it('makes one secret beside the database, for its owner alone, and keeps it', async () => {
    const url = `sqlite:${join(directory, 'new', 'b.db')}`
    const secret = await loadSecret(url)
    const file = join(directory, 'new', 'b.db.secret')
    expect(secret).toHaveLength(32)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(Buffer.from(readFileSync(file, 'utf8'), 'base64')).toEqual(secret)
    expect(await loadSecret(url)).toEqual(secret)
    expect(readdirSync(join(directory, 'new'))).toEqual(['b.db.secret'])
  })

  it('gives processes that start at once the same secret', async () => {
    const url = `sqlite:${join(directory, 'c.db')}`
    const secrets = await Promise.all(Array.from({ length: 20 }, () => loadSecret(url)))
    expect(new Set(secrets.map((secret) => Buffer.from(secret).toString('hex'))).size).toBe(1)
  })

  it('makes a new one each time for memory', async () => {
    const [one, two] = [await loadSecret('memory:'), await loadSecret('memory:')]
    expect(one).toHaveLength(32)
    expect(one).not.toEqual(two)
  })

  it('is refused where several machines share the store', async () => {
    await expect(loadSecret('redis://localhost')).rejects.toThrow(/^PERENNIAL_SECRET is needed/)
  })

  it('refuses a file that holds no secret, and never shows what it holds', async () => {
    const path = join(directory, 'd.db')
    writeFileSync(`${path}.secret`, 'c2hvcnQ=\n')
    await expect(loadSecret(`sqlite:${path}`)).rejects.toThrow(
      /^The secret file .*d\.db\.secret does not hold 32 bytes in base64; set PERENNIAL_SECRET, or move the file away\.$/,
    )
  })

  it('is refused in one line where it cannot be written', async () => {
    const file = join(directory, 'plain')
    writeFileSync(file, '')
    await expect(loadSecret(`sqlite:${join(file, 'x.db')}`)).rejects.toThrow(/\(ENOTDIR\)/)
  })
})
