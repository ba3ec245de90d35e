import { defineConfig } from 'vitest/config'

// Tests run on the sources: the `paths` of tsconfig.json are the one list of where each package lies.
export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ['packages/*/{src,test}/**/*.test.ts', 'examples/**/*.test.ts', 'bench/**/*.test.ts'],
    testTimeout: 30_000,
  },
})
