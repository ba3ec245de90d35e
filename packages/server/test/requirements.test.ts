import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const page = new URL('../../../docs/requirements.md', import.meta.url)
const rows = readFileSync(page, 'utf8')
  .split('\n')
  .filter((line) => /^\| *(\d+\.\d+\.\d+|§)/.test(line))

/** The tests that a row names: a link to the file, or to a suite that several files run, and the name in quotation marks. */
const namedTest = /\]\((\.\.\/[^)]+\.(?:test|contract)\.ts)\): '(.+?)'(?=<br>|\s*\|)/g

function testsOf(row: string): readonly { readonly path: string; readonly name: string }[] {
  return [...row.matchAll(namedTest)].map(([, path = '', name = '']) => ({ path, name }))
}

describe('docs/requirements.md', () => {
  it('has 60 rows at least, each of which says met, partly, not met, or whose it is', () => {
    expect(rows.length).toBeGreaterThanOrEqual(60)
    for (const row of rows) {
      const [, , , here = ''] = row.split('|').map((cell) => cell.trim())
      expect(here, row).toMatch(/^(met|partly|not met|not here|of the (app|deployment))/)
    }
  })

  it('names a test in each row that is met, wholly or partly', () => {
    for (const row of rows)
      if (/\| (met|partly)/.test(row)) expect(testsOf(row).length, row).toBeGreaterThan(0)
  })

  it('names only tests that exist', () => {
    for (const { path, name } of rows.flatMap(testsOf)) {
      const file = fileURLToPath(new URL(path, page))
      expect(existsSync(file), path).toBe(true)
      const text = readFileSync(file, 'utf8')
      const isThere = [`'${name}'`, `"${name}"`, `\`${name}\``].some((quoted) => text.includes(quoted))
      expect(isThere, `${path}: ${name}`).toBe(true)
    }
  })

  it('reads every link to a test as such', () => {
    const links = rows.flatMap((row) => [...row.matchAll(/\.(?:test|contract)\.ts\)/g)])
    expect(rows.flatMap(testsOf)).toHaveLength(links.length)
  })
})
