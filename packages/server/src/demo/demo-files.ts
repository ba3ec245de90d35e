import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { style } from './style.js'

/** A file that the page loads from the service. */
export interface DemoFile {
  readonly path: string
  readonly type: string
  /** @throws Error if the build has not created the file */
  read(): Promise<string>
}

/** The page's scripts in the build output; the path is right from `src` and from `dist`. */
const scripts = new URL('../../dist/demo/browser/', import.meta.url)

/** Each script is a module, served as the compiler wrote it. */
const scriptNames = ['main', 'session', 'clock', 'actions', 'copies', 'dial', 'page'] as const

/** Returns the style sheet, the icon, the scripts of the page, and the client library for plain pages. */
export function listFiles(): readonly DemoFile[] {
  const { resolve } = createRequire(import.meta.url)
  const client = () => readFile(resolve('@perennial/client/global'), 'utf8')
  const proofs = () => readFile(resolve('@perennial/client/dpop'), 'utf8')
  return [
    { path: '/demo/style.css', type: 'text/css; charset=utf-8', read: () => Promise.resolve(style) },
    { path: '/demo/icon.svg', type: 'image/svg+xml', read: () => Promise.resolve(icon) },
    { path: '/demo/perennial.global.js', type: 'text/javascript; charset=utf-8', read: cached(client) },
    { path: '/demo/dpop.js', type: 'text/javascript; charset=utf-8', read: cached(proofs) },
    ...scriptNames.map((name) => ({
      path: `/demo/${name}.js`,
      type: 'text/javascript; charset=utf-8',
      read: cached(() => readFile(new URL(`${name}.js`, scripts), 'utf8')),
    })),
  ]
}

/** Reads once; a failed read is repeated at the next call. */
function cached(read: () => Promise<string>): () => Promise<string> {
  let kept: Promise<string> | null = null
  return () =>
    (kept ??= read().catch((error: unknown) => {
      kept = null
      throw error
    }))
}

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none">
<path d="M27 16a11 11 0 1 1-4-8.5" stroke="#2f9e63" stroke-width="3.4" stroke-linecap="round"/>
<path d="M11 20c0-6 4-9 10-9 0 6-3 10-8 10m-3 2 6-7" stroke="#2f9e63" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/>
</svg>
`
