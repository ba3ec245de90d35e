/* Preloaded (`node --import`). When the process exits it writes the modules that it has loaded from files, each with its size, as JSON. */
import { statSync, writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const loaded = new Set()
registerHooks({
  load(url, context, next) {
    if (url.startsWith('file:') && url !== import.meta.url) loaded.add(url)
    return next(url, context)
  },
})
process.once('exit', () => {
  const modules = [...loaded].map((url) => [url, statSync(fileURLToPath(url)).size])
  writeFileSync(process.env.BENCH_LOADED, JSON.stringify(modules))
})
