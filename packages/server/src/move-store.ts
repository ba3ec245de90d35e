import { existsSync } from 'node:fs'
import { moveStore, type MoveCount, type MoveCounts } from '@perennial/auth'
import { appIdOf, readConfig, readNewStoreUrl, type Environment } from './config/index.js'

/** The part of the process that a move uses. */
export interface MoveWorld {
  readonly env: Environment
  readonly readTextFile: (path: string) => string
  readonly print: (line: string) => void
}

/** The number of sessions between two lines about the progress. */
const reportEverySessions = 50_000

/**
 * Copies the store of `STORE_URL` to that of `NEW_STORE_URL`, and prints the counts.
 * @throws Error in one line for people
 */
export async function move({ env, readTextFile, print }: MoveWorld): Promise<void> {
  const config = readConfig(env, { readTextFile })
  const { store, perennial } = config
  const to = readNewStoreUrl(env)
  if (store.kind !== 'sqlite' && !(store.kind === 'redis' && to.kind === 'postgres'))
    throw new TypeError(
      'STORE_URL is not a SQLite file, or a Redis with a Postgres in NEW_STORE_URL. This command copies from SQLite to Redis or Postgres, and from Redis to Postgres. A good example: STORE_URL=sqlite:./data/perennial.db',
    )
  const { secret } = perennial
  if (secret === undefined) throw noSecret(store.kind === 'sqlite' ? `${store.path}.secret` : '')
  let reported = 0
  const counts = await moveStore({
    from: store.url,
    to: to.url,
    appId: appIdOf(config),
    secret,
    prefix: perennial.prefix,
    onProgress(sessions) {
      if (sessions - reported < reportEverySessions) return
      reported = sessions
      print(`${sessions.toLocaleString('en')} sessions so far`)
    },
  })
  for (const line of report(counts)) print(line)
}

function noSecret(file: string): TypeError {
  const advice = existsSync(file)
    ? `The secret of these sessions is in ${file}. Set PERENNIAL_SECRET="$(cat ${file})"`
    : 'Set it to the secret of the service that wrote the sessions'
  return new TypeError(
    `PERENNIAL_SECRET is not set, and the service does not start on a shared store without it. ${advice}`,
  )
}

function report(counts: MoveCounts): readonly string[] {
  const line = (what: string, { copied, there, over }: MoveCount) =>
    `${what.padEnd(18)}${inColumn(copied)} copied${inColumn(there)} present before${inColumn(over)} expired, not copied`
  return [
    line('sessions', counts.sessions),
    line('ended sessions', counts.endedSessions),
    line('refused sign-ins', counts.signInCutoffs),
    line('webhook messages', counts.webhookMessages),
    line('signing keys', counts.signingKeys),
    'Done. Start the service with the value of NEW_STORE_URL in STORE_URL, and with the same PERENNIAL_SECRET.',
    'Do not start a service on the old store again: there, sessions that end from now on would still be valid.',
  ]
}

function inColumn(count: number): string {
  return count.toLocaleString('en').padStart(12)
}
