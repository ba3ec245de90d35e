import process from 'node:process'
import { fileURLToPath } from 'node:url'

/**
 * Mutates one room and runs the tests that reach each mutant: `MUTATE_ROOM=sessions npm run mutate`. The rooms are the keys of
 * `rooms`; `MUTATE_ROOM` carries the choice, because Stryker passes no arguments on.
 */
const auth = 'packages/auth/src'
const client = 'packages/client/src'
/** Tests that cross rooms, in this process: an app with the emulator as its Memberstack. */
const crossing = 'packages/auth/test'
const forward = ['answer-keeper', 'forward-source', 'upstream-answer', 'upstream-call']
const rooms = {
  sessions: {
    mutate: [`${auth}/sessions/*.ts`],
    tests: [`${auth}/sessions/*.test.ts`, `${auth}/refresh/session-source.test.ts`],
  },
  refresh: {
    mutate: [`${auth}/refresh/*.ts`, ...forward.map((name) => `!${auth}/refresh/${name}.ts`)],
    tests: [`${auth}/refresh/!(forward-*|upstream-*).test.ts`],
  },
  // Its tests call a refresh API over HTTP, which takes longer.
  forward: {
    mutate: forward.map((name) => `${auth}/refresh/${name}.ts`),
    tests: [...forward, 'forward-peers', 'sealed-answer'].map((name) => `${auth}/refresh/${name}.test.ts`),
  },
  tokens: { mutate: [`${auth}/tokens/*.ts`], tests: [`${auth}/tokens/*.test.ts`] },
  memory: {
    mutate: [
      `${auth}/stores/memory*.ts`,
      `${auth}/stores/ended-sessions.ts`,
      `${auth}/stores/member-index.ts`,
    ],
    tests: [`${auth}/stores/*.test.ts`],
  },
  http: {
    mutate: [`${auth}/http/*.ts`],
    tests: [
      `${auth}/http/*.test.ts`,
      `${auth}/adapters/*.test.ts`,
      ...[
        'admin-answers',
        'app-around',
        'bound-sessions',
        'device-bound-sessions',
        'error-table',
        'express',
        'member-changes',
        'member-claims',
        'pages',
        'proof-addresses',
        'verifier',
        'webhook-bodies',
      ].map((name) => `${crossing}/${name}.test.ts`),
      ...['page-loads', 'session-http'].map((name) => `packages/server/test/${name}.test.ts`),
    ],
  },
  client: { mutate: [`${client}/*.ts`], tests: [`${client}/*.test.ts`] },
}

const name = process.env['MUTATE_ROOM'] ?? 'sessions'
const room = rooms[name]
if (!room) throw new TypeError(`MUTATE_ROOM is one of ${Object.keys(rooms).join(', ')}`)

// oxlint-disable-next-line import/no-default-export -- Stryker reads the default export of its configuration
export default {
  packageManager: 'npm',
  plugins: ['@stryker-mutator/mocha-runner'],
  testRunner: 'mocha',
  testRunnerNodeArgs: ['--import', fileURLToPath(new URL('vitest-in-mocha.mjs', import.meta.url))],
  mochaOptions: { spec: room.tests },
  coverageAnalysis: 'perTest',
  // Stryker would rewrite it with the API of TypeScript 5, which TypeScript 7 does not have. The tests need no change of it.
  tsconfigFile: 'mutation/none.json',
  mutate: [...room.mutate, '!packages/**/*.test.ts', '!packages/**/*.contract.ts', '!packages/**/index.ts'],
  ignorePatterns: [
    '**',
    '!packages/auth/**',
    '!packages/emulator/**',
    '!packages/client/**',
    '!packages/server/**',
    '!packages/*/package.json',
    '!mutation/**',
    '!scripts/**',
    '!*.json',
    '!*.ts',
    '**/dist/**',
    'packages/*/test/*/node_modules/**',
    // They are linked.
    'packages/*/node_modules/**',
    'mutation/node_modules/**',
    'mutation/reports/**',
    // Left by a run that was interrupted.
    'mutation/.stryker-tmp/**',
  ],
  // A constant outside a function is evaluated before the first test, so each such mutant needs a new process.
  ignoreStatic: false,
  concurrency: 2,
  timeoutMS: 10_000,
  timeoutFactor: 1,
  reporters: ['progress-append-only', 'clear-text', 'json'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  jsonReporter: { fileName: `mutation/reports/${name}.json` },
  tempDirName: 'mutation/.stryker-tmp',
  incremental: true,
  incrementalFile: `mutation/reports/${name}-incremental.json`,
}
