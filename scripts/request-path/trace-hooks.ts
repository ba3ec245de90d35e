/**
 * Preloaded (`node --import`): runs the packages from their sources and calls `globalThis.perennialTrace` at the beginning of
 * each function of `packages/auth/src`.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { traceFunctions } from './trace-functions.ts'

const root = new URL('../../', import.meta.url)
const traced = new URL('packages/auth/src/', root).href
const { compilerOptions }: { compilerOptions: { paths: Record<string, [string]> } } = JSON.parse(
  readFileSync(new URL('tsconfig.json', root), 'utf8'),
)

registerHooks({
  resolve(specifier, context, next) {
    const source = compilerOptions.paths[specifier]?.[0]
    if (source !== undefined) return next(new URL(source, root).href, context)
    const isOurs = specifier.startsWith('.') && context.parentURL?.endsWith('.ts') === true
    return next(isOurs ? specifier.replace(/\.js$/, '.ts') : specifier, context)
  },
  load(url, context, next) {
    const loaded = next(url, context)
    if (!url.startsWith(traced) || loaded.source === undefined || loaded.source === null) return loaded
    const text = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source)
    return { ...loaded, source: traceFunctions(fileURLToPath(url).slice(fileURLToPath(traced).length), text) }
  },
})
