import process from 'node:process'

/**
 * Mutates one room and runs the tests that reach each mutant: `MUTATE_ROOM=sessions npm run mutate`. The rooms are the keys of
 * `rooms`; `MUTATE_ROOM` carries the choice, because Stryker passes no arguments on.
 */
const auth = 'packages/auth/src'
const rooms = {
  sessions: { mutate: [`${auth}/sessions/*.ts`], tests: ['sessions', 'refresh', 'stores'] },
  refresh: { mutate: [`${auth}/refresh/*.ts`], tests: ['refresh'] },
  tokens: { mutate: [`${auth}/tokens/*.ts`], tests: ['tokens'] },
  memory: {
    mutate: [
      `${auth}/stores/memory*.ts`,
      `${auth}/stores/ended-sessions.ts`,
      `${auth}/stores/member-index.ts`,
    ],
    tests: ['stores'],
  },
  http: { mutate: [`${auth}/http/*.ts`], tests: ['http', 'adapters'] },
}

const name = process.env['MUTATE_ROOM'] ?? 'sessions'
const room = rooms[name]
if (!room) throw new TypeError(`MUTATE_ROOM is one of ${Object.keys(rooms).join(', ')}`)
process.env['MUTATE_TESTS'] = room.tests.map((folder) => `${auth}/${folder}/*.test.ts`).join(',')

// oxlint-disable-next-line import/no-default-export -- Stryker reads the default export of its configuration
export default {
  packageManager: 'npm',
  plugins: ['@stryker-mutator/vitest-runner'],
  testRunner: 'vitest',
  vitest: { configFile: 'mutation/vitest.config.ts', related: false },
  coverageAnalysis: 'perTest',
  // Stryker would rewrite it with the API of TypeScript 5, which TypeScript 7 does not have. vitest needs no change of it.
  tsconfigFile: 'mutation/none.json',
  mutate: [...room.mutate, `!${auth}/**/*.test.ts`, `!${auth}/**/*.contract.ts`, `!${auth}/**/index.ts`],
  ignorePatterns: [
    '**',
    '!packages/auth/**',
    '!packages/*/package.json',
    '!mutation/**',
    '!scripts/**',
    '!*.json',
    '!*.ts',
    '**/dist/**',
    'packages/auth/test/*/node_modules/**',
    'mutation/node_modules/**',
    'mutation/reports/**',
    // Left by a run that was interrupted.
    'mutation/.stryker-tmp/**',
  ],
  // A constant outside a function is evaluated before the first test, so each such mutant needs a new process.
  ignoreStatic: false,
  concurrency: 2,
  timeoutMS: 20_000,
  reporters: ['progress-append-only', 'clear-text', 'json'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  jsonReporter: { fileName: `mutation/reports/${name}.json` },
  tempDirName: 'mutation/.stryker-tmp',
  incremental: true,
  incrementalFile: `mutation/reports/${name}-incremental.json`,
}
