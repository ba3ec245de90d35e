import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { PerennialOptions } from '@perennial/auth'
import { expectStatus, openConnection } from '../kit/http.ts'
import { cpuSecondsOfProcess } from '../kit/machine.ts'
import { appId, bodyOf, memberClaims } from '../kit/members.ts'
import { inTurns, middle } from '../kit/rounds.ts'
import { createSigner } from '../kit/signer.ts'
import { number, printHeading, printTable } from '../kit/table.ts'
import type { GrowthPlan } from './session-tokens.ts'

interface Program {
  readonly file: string
  readonly env: Readonly<Record<string, string>>
  /** Requested as soon as the process listens; the answer must be 200 with this body. */
  readonly path: string
  readonly token?: string
  readonly body: string
}

const starts = 7
const service = fileURLToPath(new URL('../../packages/server/dist/main.js', import.meta.url))
const app = fileURLToPath(new URL('start-up-app.mjs', import.meta.url))

/** Prints the time from the start of a process to its first 200. */
export async function printStartUp(plan: GrowthPlan): Promise<void> {
  printHeading(
    'Start-up',
    `From the start of the process until it has answered its first request with 200; the middle one of ${starts} starts by turns. CPU: the whole ` +
      'process until then, all threads. Wall-clock time wants a quiet machine.',
  )
  const programs = Object.entries(programsOf(plan))
  printTable(await inTurns(programs, starts, ([, program]) => start(program, plan.folder)), {
    '': ([[name]]) => name,
    milliseconds: ([, own]) => number(middle(own, 'ms')),
    quickest: ([, own]) => number(Math.min(...own.map(({ ms }) => ms))),
    'ms of CPU': ([, own]) => number(middle(own, 'cpuMs')),
  })
}

function programsOf({ issued }: GrowthPlan): Readonly<Record<string, Program>> {
  const member = createSigner('RS256', 'bench')
  const me = { file: app, path: '/me', body: bodyOf(0) }
  const withOptions = (options: PerennialOptions) => ({ PERENNIAL_OPTIONS: JSON.stringify(options) })
  const jwks = JSON.stringify({ keys: [member.jwk] })
  const forward = { store: 'memory:', memberstack: { appId, jwks, refreshUrl: 'http://127.0.0.1:9/' } }
  const serviceSettings = {
    PORT: '0',
    PERENNIAL_SECRET: issued.options.secret,
    MEMBERSTACK_APP_ID: appId,
    MEMBERSTACK_SECRET_KEY: 'sk_bench',
  }
  const ready = { path: '/readyz', body: '{"status":"ready"}' }
  return {
    'Express, `/me` open to all': { ...me, env: {} },
    'Express, `/me` protected, session mode on SQLite': {
      ...me,
      env: withOptions(issued.options),
      token: issued.tokens[0] ?? '',
    },
    'Express, `/me` protected, forward mode': {
      ...me,
      env: withOptions(forward),
      token: member.sign(memberClaims(0)),
    },
    'the service, production, a new SQLite file, `/readyz`': {
      ...ready,
      file: service,
      env: serviceSettings,
    },
  }
}

async function start(
  { file, env, path, token, body }: Program,
  folder: string,
): Promise<Record<'ms' | 'cpuMs', number>> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [file], {
    cwd: mkdtempSync(join(folder, 'start-')),
    env: { NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  try {
    const connection = await openConnection(await readPort(child.stdout))
    const answered = expectStatus(200, await connection.send({ path, token }))
    const ms = performance.now() - startedAt
    connection.close()
    if (answered !== body) throw new Error(`no figure from errors: ${path} answered ${answered}`)
    return { ms, cpuMs: cpuSecondsOfProcess(child.pid) * 1000 }
  } finally {
    child.kill()
    await exited
  }
}

async function readPort(output: AsyncIterable<Buffer>): Promise<number> {
  let text = ''
  for await (const bytes of output) {
    text += bytes.toString()
    const port = /"url":"http:[^"]+:(\d+)"/.exec(text)?.[1]
    if (port !== undefined) return Number(port)
  }
  throw new Error(`no figure from errors: it ended before it listened: ${text}`)
}
