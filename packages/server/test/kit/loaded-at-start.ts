/** Preloaded into a service (`node --import`). On SIGUSR2 it prints the loaded modules on standard error, one per line. */
import { registerHooks } from 'node:module'
import process from 'node:process'

const loaded = new Set<string>()
registerHooks({
  load(url, context, next) {
    loaded.add(url)
    return next(url, context)
  },
})
process.once('SIGUSR2', () => {
  // Node's own list has its built-in modules.
  const own: unknown = Reflect.get(process, 'moduleLoadList')
  const lines = [...loaded, ...(Array.isArray(own) ? own : []), 'that is all']
  process.stderr.write(`${lines.join('\n')}\n`)
})
