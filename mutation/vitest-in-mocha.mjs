/**
 * Preloaded into the processes that run the tests: Node loads the sources and the tests as they are, and gets the names of `vitest` from
 * Mocha. Vitest would start a worker and load all modules again for each mutant, which takes a hundred times as long as the tests.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  chai,
  getState,
  setState,
} from '@vitest/expect'

const { compilerOptions } = JSON.parse(readFileSync('tsconfig.json', 'utf8'))
const own = new Map(Object.entries(compilerOptions.paths).map(([name, [path]]) => [name, path]))

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'vitest') return { url: import.meta.url, shortCircuit: true }
    const path = own.get(specifier)
    // Not before: Stryker changes to the folder with the mutants after this module was loaded.
    if (path) return next(pathToFileURL(path).href, context)
    const isOurs = specifier.startsWith('.') && context.parentURL?.endsWith('.ts')
    return next(isOurs ? specifier.replace(/\.js$/, '.ts') : specifier, context)
  },
})

chai.use(JestExtend)
chai.use(JestChaiExpect)
chai.use(JestAsymmetricMatchers)
export const expect = Object.assign((...args) => chai.expect(...args), chai.expect, {
  ...globalThis[ASYMMETRIC_MATCHERS_OBJECT],
  getState: () => getState(expect),
  setState: (state) => setState(state, expect),
  poll: (read) =>
    new Proxy(
      {},
      {
        get:
          (_, matcher) =>
          (...args) =>
            poll(read, matcher, args),
      },
    ),
})
setState({ assertionCalls: 0 }, expect)

async function poll(read, matcher, args) {
  const giveUpAt = performance.now() + 3_000
  for (;;) {
    try {
      return expect(await read())[matcher](...args)
    } catch (error) {
      if (performance.now() > giveUpAt) throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

/** A test that has not ended after its process had nothing to do for so long never ends. A busy machine does not count. */
const idleMs = 4_000

async function run(work) {
  const began = performance.eventLoopUtilization()
  let timer
  const hung = new Promise((_, reject) => {
    timer = setInterval(() => {
      if (performance.eventLoopUtilization(began).idle > idleMs) reject(new Error('The test hangs.'))
    }, 200)
  })
  try {
    await Promise.race([(async () => await work())(), hung])
  } finally {
    clearInterval(timer)
    for (const end of endings.splice(0).toReversed()) await end()
  }
}

const endings = []
export const onTestFinished = (end) => void endings.push(end)

const bodyOf = (args) => args.findLast((arg) => typeof arg === 'function')

function withEach(declare) {
  return Object.assign((name, ...args) => declare(name, bodyOf(args)), {
    each:
      (table) =>
      (name, ...args) => {
        const rows = [...table]
        const areLists = rows.every((row) => Array.isArray(row))
        for (const [index, row] of rows.entries()) {
          const values = areLists ? row : [row]
          // Without the values: a random one would give the test another name in each process, and Stryker finds it by its name.
          declare(`${name} (${index})`, () => bodyOf(args)(...values))
        }
      },
  })
}

let depth = 0
export const describe = withEach((name, body) =>
  globalThis.describe(name, () => {
    depth += 1
    body()
    depth -= 1
  }),
)
export const it = withEach((name, body) => globalThis.it(name, () => run(body)))
export const test = it

/** Outside of a `describe`: once in this process, which runs the tests for many mutants, and ends with all that it has opened. */
export function beforeAll(body) {
  let once
  globalThis.before(depth > 0 ? () => run(body) : () => (once ??= run(body)))
}
export function afterAll(body) {
  if (depth > 0) globalThis.after(() => run(body))
}

export const beforeEach = (body) => globalThis.beforeEach(inItsFile(body))
export const afterEach = (body) => globalThis.afterEach(inItsFile(body))

/** For Mocha, a hook outside of a `describe` is one of the tests of all files. */
function inItsFile(body) {
  const file = /file:\/\/(\S+\.test\.ts)/.exec(new Error('of this hook').stack)?.[1]
  return function hook() {
    return this.currentTest.file === file || file === undefined ? run(body) : undefined
  }
}

// A promise that a mutant left rejected belongs to no test.
process.on('unhandledRejection', () => {})
