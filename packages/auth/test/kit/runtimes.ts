import { existsSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const folder = new URL('../runtimes/node_modules/', import.meta.url)
const cpu = process.arch === 'arm64' ? 'aarch64' : 'x64'

/** The command that installs Deno and Bun. */
export const installRuntimes = 'npm ci --prefix packages/auth/test/runtimes --ignore-scripts'

/** The programs, as the packages of npm hold them; null if they are not installed. */
export const deno: string | null = find(`@deno/linux-${cpu === 'x64' ? cpu : 'arm64'}-glibc/deno`)
export const bun: string | null = find(`@oven/bun-linux-${cpu}/bin/bun`)

if (deno === null || bun === null)
  process.stderr.write(`\n*** NOT TESTED: Deno and Bun are not installed. Run: ${installRuntimes}\n\n`)

function find(path: string): string | null {
  const url = new URL(path, folder)
  return existsSync(url) ? fileURLToPath(url) : null
}
