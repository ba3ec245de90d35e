/** Preloaded into a program (`node --import`): makes this Node look like version 20, which has no `node:sqlite`. */
import { registerHooks } from 'node:module'
import process from 'node:process'

Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })
registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'node:sqlite') throw new Error('No such built-in module: node:sqlite')
    return next(specifier, context)
  },
})
