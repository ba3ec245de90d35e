import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

/** What the page loads, by path; all of it from here. */
export interface DemoFile {
  readonly path: string
  readonly type: string
  /** @throws Error when the build has not made it */
  read(): Promise<string>
}

/** The page's scripts as the build leaves them, seen from the sources and from the build alike. */
const scripts = new URL('../../dist/demo/browser/', import.meta.url)

/** Each script is a module of its own: what is served is what was written. */
const scriptNames = ['main', 'session', 'clock', 'actions', 'breaks', 'dial', 'log', 'dom'] as const

/** The scripts of the page, and the client that plain pages load. */
export function listScripts(): readonly DemoFile[] {
  const client = () => readFile(createRequire(import.meta.url).resolve('@perennial/client/global'), 'utf8')
  return [
    { path: '/demo/perennial.global.js', type: 'text/javascript; charset=utf-8', read: keep(client) },
    ...scriptNames.map((name) => ({
      path: `/demo/${name}.js`,
      type: 'text/javascript; charset=utf-8',
      read: keep(() => readFile(new URL(`${name}.js`, scripts), 'utf8')),
    })),
  ]
}

/** Reads once; what failed is read again. */
function keep(read: () => Promise<string>): () => Promise<string> {
  let kept: Promise<string> | null = null
  return () =>
    (kept ??= read().catch((error: unknown) => {
      kept = null
      throw error
    }))
}
