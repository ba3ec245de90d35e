import { existsSync } from 'node:fs'
import process from 'node:process'
import { Agent, request } from 'undici'
import type { D1LikeDatabase, D1LikeResult, D1LikeStatement } from '../../src/stores/d1/store.js'

const folder = new URL('../workerd/', import.meta.url)
const entry = new URL('node_modules/miniflare/dist/src/index.js', folder)

/** The command that installs miniflare and workerd. */
export const installWorkerd = 'npm ci --prefix packages/auth/test/workerd --ignore-scripts'

/** True if miniflare, with the real workerd, is installed. It prints a line if it is not. */
export const hasWorkerd: boolean = existsSync(entry)
if (!hasWorkerd)
  process.stderr.write(
    `\n*** NOT TESTED: miniflare and workerd are not installed. Run: ${installWorkerd}\n\n`,
  )

/** The part of miniflare that the tests use. */
export interface Miniflare {
  readonly ready: Promise<URL>
  dispatchFetch(url: string, init?: RequestInit): Promise<Response>
  dispose(): Promise<void>
}

/** Starts a worker in workerd. */
export async function startWorkerd(options: Readonly<Record<string, unknown>>): Promise<Miniflare> {
  const { Miniflare: Started }: { readonly Miniflare: new (options: object) => Miniflare } = await import(
    entry.href
  )
  return new Started({ compatibilityDate: '2026-07-01', compatibilityFlags: ['nodejs_compat'], ...options })
}

/** A D1 database in workerd. */
export interface D1Server {
  /** Runs steps within workerd: one by itself, several as a batch. */
  readonly send: SendSteps
  readonly database: D1LikeDatabase
  /** Deletes all rows of a prefix. */
  empty(prefix?: string): Promise<void>
  close(): Promise<void>
}

type Steps = readonly (readonly (string | number | null)[])[]
type SendSteps = (steps: Steps) => Promise<readonly D1LikeResult[]>

/** Runs the steps of a request by the binding of D1, as a Worker does. */
const script = `export default {
  async fetch(request, { DB }) {
    try {
      const statements = (await request.json()).map(([text, ...values]) => DB.prepare(text).bind(...values))
      const [only, ...others] = statements
      const found = others.length === 0 ? [await only.all()] : await DB.batch(statements)
      return Response.json(found.map(({ results }) => ({ results })))
    } catch (error) {
      return Response.json(String(error.message), { status: 500 })
    }
  },
}`

const tables = [
  'store_owner',
  'sessions',
  'ended_sessions',
  'sign_in_cutoffs',
  'signing_keys',
  'webhook_messages',
  'store_epoch',
]

/** Starts workerd with an empty D1 database in memory. */
export async function startD1(): Promise<D1Server> {
  const server = await startWorkerd({ modules: true, script, d1Databases: ['DB'] })
  const url = await server.ready
  // A connection for each call: workerd closes an idle one at any time.
  const dispatcher = new Agent({ pipelining: 0 })
  const send: SendSteps = async (steps) => {
    const answer = await request(url, { method: 'POST', body: JSON.stringify(steps), dispatcher })
    const text = await answer.body.text()
    if (answer.statusCode !== 200) throw new Error(text)
    const results: readonly D1LikeResult[] = JSON.parse(text)
    return results
  }
  const database = createRemoteD1(send)
  return {
    send,
    database,
    async empty(prefix = 'perennial') {
      const [found] = await send([[`SELECT name FROM sqlite_schema WHERE name = ?1`, `${prefix}_sessions`]])
      if (found && found.results.length > 0)
        await send(tables.map((name) => [`DELETE FROM "${prefix}_${name}"`]))
    },
    async close() {
      await dispatcher.close()
      await server.dispose()
    },
  }
}

/** Creates a database whose statements are sent elsewhere. */
export function createRemoteD1(send: SendSteps): D1LikeDatabase {
  const stepOf = new WeakMap<D1LikeStatement, readonly (string | number | null)[]>()
  const statementOf = (step: readonly (string | number | null)[]): D1LikeStatement => {
    const statement: D1LikeStatement = {
      bind: (...values) => statementOf([...step.slice(0, 1), ...values]),
      all: async () => (await send([step]))[0] ?? { results: [] },
    }
    stepOf.set(statement, step)
    return statement
  }
  return {
    prepare: (text) => statementOf([text]),
    batch: (statements) => send(statements.map((statement) => stepOf.get(statement) ?? [])),
  }
}
