import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { bundle, bundleGlobal, weigh } from '../build.js'

const limitBytes = 4096

it('weighs no more than 4,096 bytes minified and compressed', async () => {
  expect(weigh(await bundle('index.ts'))).toBeLessThanOrEqual(limitBytes)
})

it('says nothing on a console, and needs no eval and no second file', async () => {
  for (const code of [await bundle('index.ts'), await bundleGlobal()])
    expect(code).not.toMatch(/console\.|\beval\(|new Function|\bimport\b|require\(/)
})

it('touches nothing of its surroundings when it is imported', async () => {
  // Everything that a page or Node offers throws when it is looked at.
  const code = `${await bundle('index.ts', { format: 'iife', globalName: 'client' })}; Object.keys(client).sort().join()`
  const script = `
    const vm = require('node:vm')
    const allowed = new Set(['Error', 'Object'])
    const trap = new Proxy({}, { has: () => true, get: (_target, name) => {
      if (typeof name === 'symbol') return undefined
      if (allowed.has(name)) return globalThis[name]
      throw new Error('touched ' + name)
    } })
    process.stdout.write(vm.runInThisContext('(trap) => { with (trap) { return (() => { ' + process.argv[1] + ' })() } }')(trap) ?? 'ok')`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script, code])
  expect(stdout).toBe('ok')
})

it('does nothing on a server, as the script of plain pages either', async () => {
  const script = `${await bundleGlobal()}; process.stdout.write(typeof globalThis.Perennial)`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script])
  expect(stdout).toBe('undefined')
})
