import { afterEach, describe, expect, it } from 'vitest'
import { stripTypeScriptTypes } from 'node:module'
import { traceFunctions } from './trace-functions.ts'

const begun: string[] = []

/** Runs a module with its functions traced; `export const result` is what it answers. */
async function run(source: string): Promise<unknown> {
  globalThis.perennialTrace = (path) => begun.push(path)
  const code = stripTypeScriptTypes(traceFunctions('a.ts', source))
  const { result } = await import(`data:text/javascript,${encodeURIComponent(code)}`)
  return result
}

afterEach(() => {
  globalThis.perennialTrace = undefined
  begun.length = 0
})

describe('a source with traced functions', () => {
  it('reports each function that begins, once a call, and answers as before', async () => {
    const result = await run(`
      function named(value: number): number { return value + 1 }
      const short = (value: number) => ({ sum: named(value) })
      class Holder { method() { return short(1) } }
      export const result = [new Holder().method(), short(2)]
    `)
    expect(result).toEqual([{ sum: 2 }, { sum: 3 }])
    expect(begun).toEqual(['a.ts', 'a.ts', 'a.ts', 'a.ts', 'a.ts'])
  })

  it('reports nothing for a module that is only loaded', async () => {
    await run('export const result = 1; export const unused = () => () => 2')
    expect(begun).toEqual([])
  })

  it('follows async functions, generators, accessors and arrows that return arrows', async () => {
    const result = await run(`
      async function later() { return 1 }
      function* one() { yield 2 }
      const add = (a: number) => (b: number) => a + b
      class Base {}
      class Derived extends Base { value; constructor() { super(); this.value = 4 } get own() { return this.value } }
      export const result = [await later(), ...one(), add(1)(2), new Derived().own]
    `)
    expect(result).toEqual([1, 2, 3, 4])
    expect(begun).toHaveLength(6)
  })
})
