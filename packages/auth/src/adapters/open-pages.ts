import type { Perennial } from '../http/index.js'
import { createPages, type Pages, type PagesOptions } from './pages.js'

/** A `Perennial`, or a function that returns it, which is called at the first request: the build of a site starts nothing then. */
export type PerennialSource = Perennial | (() => Perennial | Promise<Perennial>)

/**
 * Returns a function that creates the pages once, and again after it has failed.
 * @throws TypeError if `createPerennial` did not get the option `pages`; rejected, if `source` is a function
 */
export function createOpening<Rest extends readonly unknown[]>(
  source: PerennialSource,
  options: PagesOptions<Rest>,
): () => Pages<Rest> | Promise<Pages<Rest>> {
  if (typeof source !== 'function') {
    const pages = createPages(source, options)
    return () => pages
  }
  let opened: Promise<Pages<Rest>> | undefined
  const start = async () => createPages(await source(), options)
  return () => {
    opened ??= start().catch((error: unknown) => {
      opened = undefined
      throw error
    })
    return opened
  }
}
