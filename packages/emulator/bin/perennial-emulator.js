#!/usr/bin/env node
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const program = new URL('../dist/main.js', import.meta.url)

// A clone of the repository has no dist/ before its first build. A published package always has one.
if (!existsSync(program)) {
  process.stderr.write('perennial-emulator: building the packages once …\n')
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  // Both outputs go to standard error: standard output is the program's.
  const built = spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 2, 2] })
  if (built.status !== 0) process.exit(1)
}

await import(program.href)
