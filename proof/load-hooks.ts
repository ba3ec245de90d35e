/**
 * Preloaded (`node --import`), so that Node runs the packages from their sources. A module that is imported with
 * `?planted=NAME` is loaded anew, with all that it imports from the packages and the worlds, and the bug of that name is in
 * its source.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { plantedBugs } from './planted/planted-bugs.ts'
import { plant } from './planted/planted-bug.ts'
import { rememberSignatures } from './remember-signatures.ts'

rememberSignatures()

const root = new URL('..', import.meta.url).href
/** The search itself is loaded once: the worlds throw its errors. */
const shared = `${root}proof/explore/`

function nameIn(url: string | undefined): string | null {
  return url === undefined ? null : new URL(url).searchParams.get('planted')
}

registerHooks({
  resolve(specifier, context, next) {
    const from = context.parentURL?.split('?')[0]
    const isOurs = specifier.startsWith('.') && from?.endsWith('.ts') === true
    const resolved = next(isOurs ? specifier.replace(/\.js$/, '.ts') : specifier, context)
    const planted = nameIn(context.parentURL)
    const isLoadedAnew = isOurs && planted !== null && !resolved.url.startsWith(shared)
    return isLoadedAnew ? { ...resolved, url: withName(resolved.url, planted) } : resolved
  },
  load(url, context, next) {
    const name = url.startsWith(root) ? nameIn(url) : null
    const bug = plantedBugs.find((one) => one.name === name)
    const [address = ''] = url.split('?')
    if (!bug || address !== root + bug.file) return next(url, context)
    const source = plant(bug, readFileSync(fileURLToPath(address), 'utf8'))
    return { ...next(url, context), source }
  },
})

function withName(url: string, planted: string): string {
  const named = new URL(url)
  named.searchParams.set('planted', planted)
  return named.href
}
