import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { bundle, bundleDpop, bundleGlobal, bundleReact, limits, weigh } from '../build.js'

it('is at most 6,144 bytes minified and compressed, the script for plain pages 6,656, the React hook 512, and the proofs 2,048', async () => {
  expect(limits).toEqual({ module: 6144, global: 6656, react: 512, dpop: 2048 })
  expect(weigh(await bundle('index.ts'))).toBeLessThanOrEqual(limits.module)
  expect(weigh(await bundleGlobal())).toBeLessThanOrEqual(limits.global)
  expect(weigh(await bundleReact())).toBeLessThanOrEqual(limits.react)
  expect(weigh(await bundleDpop())).toBeLessThanOrEqual(limits.dpop)
})

it('has nothing of the proofs in the client, and nothing of the client in the proofs', async () => {
  for (const code of [await bundle('index.ts'), await bundleGlobal()])
    expect(code).not.toMatch(/subtle|ECDSA|dpop\+jwt/)
  expect(await bundleDpop()).not.toMatch(/localStorage|BroadcastChannel|\.locks/)
})

it('has nothing of the client in the React hook, and nothing of React in the client', async () => {
  const hook = await bundleReact()
  expect([...hook.matchAll(/from\s*"([^"]+)"/g)].map(([, name]) => name)).toEqual(['react'])
  expect(hook).not.toMatch(/fetch|localStorage|addEventListener/)
  expect(await bundle('index.ts')).not.toContain('useSyncExternalStore')
})

it('writes nothing to the console, and needs no eval and no second file', async () => {
  for (const code of [await bundle('index.ts'), await bundleGlobal(), await bundleDpop()])
    expect(code).not.toMatch(/console\.|\beval\(|new Function|\bimport\b|require\(/)
})

it.each(['index.ts', 'dpop.ts'])('reads no global when it is imported: %s', async (entry) => {
  // Every global throws when it is read.
  const code = `${await bundle(entry, { format: 'iife', globalName: 'client' })}; Object.keys(client).sort().join()`
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

it('does nothing on a server if the script for plain pages is imported there', async () => {
  const script = `${await bundleGlobal()}; process.stdout.write(typeof globalThis.Perennial)`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script])
  expect(stdout).toBe('undefined')
})
