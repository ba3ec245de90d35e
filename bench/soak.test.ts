import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { hasPostgres } from '../packages/auth/test/kit/postgres.js'
import { hasRedis } from '../packages/auth/test/kit/redis.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const isLong = Boolean(process.env['PERENNIAL_LONG'])

/** A world that a busy machine keeps up with; every part of the program runs, but the memory of a process that has just started grows. */
const small =
  '--sessions 60 --seconds 10 --warm-up-seconds 2 --restart-seconds 2 --refreshes-per-second 8 --protected-per-second 20 ' +
  '--lose-one-in 20 --most-growth 5'

async function soak(flags: string): Promise<{ readonly code: number; readonly printed: string }> {
  const program = ['--import', './bench/source-imports.ts', 'bench/soak.ts', ...flags.split(' ')]
  const child = spawn(process.execPath, program, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  const [[code], printed] = await Promise.all([once(child, 'exit'), text(child.stdout)])
  return { code, printed }
}

/** The rows of the table whose figure must be 0. */
const zeros = [
  'honest sessions refused',
  'honest sessions ended as stolen',
  'answers of another member',
  'sessions that the store has otherwise than their members',
]

// The short runs wait more than they work.
describe.runIf(hasPostgres() && hasRedis())('the soak', { concurrent: !isLong }, () => {
  it.each(['postgres', 'redis'])(
    'on %s loses no honest session while an instance is killed and stopped in turn',
    { timeout: isLong ? 3_600_000 : 120_000 },
    async (store) => {
      const { code, printed } = await soak(`--stores ${store} ${isLong ? '' : small}`.trim())
      for (const name of zeros) expect(printed).toContain(`| ${name} | 0 |`)
      expect(printed).toMatch(/\| refresh: p50 \/ p95 \/ p99 \/ longest, ms \| [\d,.]+ \/ /)
      expect(code, printed).toBe(0)
    },
  )

  it(
    'finds an honest session that was ended as stolen, and answers of another member',
    { timeout: 120_000 },
    async () => {
      // Few sessions, so that the one whose token was stolen is refreshed often enough for the theft to be found.
      const few = small.replace('--sessions 60', '--sessions 10')
      const { code, printed } = await soak(`--stores redis ${few} --plant faults`)
      expect(printed).toMatch(/: \d+ honest sessions were refused, such as: mem_\d+: .*AUTH_TOKEN_/)
      expect(printed).toMatch(/: 1 honest sessions were ended as stolen/)
      expect(printed).toMatch(/not in the store as their members have them, such as: \S+ has ended: reuse/)
      expect(printed).toMatch(/: \d+ answers were of another member, such as: mem_\d+: \{"id":"mem_\d+"\}/)
      expect(code).toBe(1)
    },
  )
})
