/** Preloaded (`node --import`), so that Node runs these programs from their sources: `./x.js` finds `./x.ts`. */
import { registerHooks } from 'node:module'

registerHooks({
  resolve(specifier, context, next) {
    const isOurs = specifier.startsWith('.') && context.parentURL?.endsWith('.ts') === true
    return next(isOurs ? specifier.replace(/\.js$/, '.ts') : specifier, context)
  },
})
