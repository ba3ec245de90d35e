import { existsSync } from 'node:fs'
import { moveStore, type MoveCount, type MoveCounts } from '@perennial/auth'
import { readConfig, readNewStoreUrl, type Environment } from './config/index.js'

/** What a move sees of the process. */
export interface MoveWorld {
  readonly env: Environment
  readonly readTextFile: (path: string) => string
  readonly print: (line: string) => void
}

const tellEverySessions = 50_000

/**
 * Moves the store that `STORE_URL` names to the one that `NEW_STORE_URL` names, and prints what became of it.
 * @throws Error in one line for people
 */
export async function move({ env, readTextFile, print }: MoveWorld): Promise<void> {
  const { store, perennial } = readConfig(env, { readTextFile })
  const to = readNewStoreUrl(env)
  if (store.kind !== 'sqlite')
    throw new TypeError(
      'STORE_URL is not a SQLite file: a store moves from SQLite to Redis. A good example: STORE_URL=sqlite:./data/perennial.db',
    )
  const { secret } = perennial
  if (secret === undefined) throw noSecret(store.path)
  let told = 0
  const counts = await moveStore({
    from: store.url,
    to: to.url,
    secret,
    onProgress(sessions) {
      if (sessions - told < tellEverySessions) return
      told = sessions
      print(`${sessions.toLocaleString('en')} sessions so far`)
    },
  })
  for (const line of report(counts)) print(line)
}

function noSecret(path: string): TypeError {
  const file = `${path}.secret`
  const advice = existsSync(file)
    ? `The one that these sessions live on is in ${file}. Set PERENNIAL_SECRET="$(cat ${file})"`
    : 'Set the one that the service ran with'
  return new TypeError(`PERENNIAL_SECRET is not set, and no service starts on Redis without it. ${advice}`)
}

function report(counts: MoveCounts): readonly string[] {
  const line = (what: string, { copied, there, over }: MoveCount) =>
    `${what.padEnd(18)}${inColumn(copied)} copied${inColumn(there)} there already${inColumn(over)} over, left behind`
  return [
    line('sessions', counts.sessions),
    line('ended sessions', counts.endedSessions),
    line('refused sign-ins', counts.signInCutoffs),
    line('webhook messages', counts.webhookMessages),
    line('signing keys', counts.signingKeys),
    'Moved. Start the service with STORE_URL set to what NEW_STORE_URL is now, and the same PERENNIAL_SECRET.',
    'Start none on the old file again: sessions that end from now on would still be alive there.',
  ]
}

function inColumn(count: number): string {
  return count.toLocaleString('en').padStart(12)
}
