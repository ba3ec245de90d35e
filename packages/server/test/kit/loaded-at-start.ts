/** Preloaded into a service (`node --import`): on SIGUSR2 it says on standard error what was loaded, one a line. */
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
  // Node's own list also has what Node loads for itself.
  const own: unknown = Reflect.get(process, 'moduleLoadList')
  const lines = [...loaded, ...(Array.isArray(own) ? own : []), 'that is all']
  process.stderr.write(`${lines.join('\n')}\n`)
})
