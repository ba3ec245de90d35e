import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// Tests run on the sources, in every package alike: the `paths` of tsconfig.json are the one list of where they lie.
// Exact names only, so that files a package builds (`@perennial/client/global`) still come from its dist.
const { compilerOptions } = JSON.parse(readFileSync(new URL('tsconfig.json', import.meta.url), 'utf8'))
const alias = Object.entries<string[]>(compilerOptions.paths).map(([name, [path = '']]) => ({
  find: new RegExp(`^${name}$`),
  replacement: fileURLToPath(new URL(path, import.meta.url)),
}))

export default defineConfig({
  resolve: { alias },
  test: {
    include: [
      'packages/*/{src,test}/**/*.test.ts',
      'scripts/**/*.test.ts',
      'examples/**/*.test.ts',
      'bench/**/*.test.ts',
      'proof/**/*.test.ts',
    ],
    testTimeout: 30_000,
    // A poll waits for what is to come as long as the test may: a second is short on a busy machine.
    expect: { poll: { timeout: 20_000 } },
    // Tests of browsers and processes wait more than they work: two at a time, where vitest would take one of two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
})
