import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { PerennialOptions } from '@perennial/auth'
import { expectStatus, openConnection, type Request } from '../kit/http.ts'
import { cpuSecondsOfProcess } from '../kit/machine.ts'
import { appId, bodyOf, forwardOptions, memberClaims, secret, secretKey } from '../kit/members.ts'
import { inTurns, middle } from '../kit/rounds.ts'
import { createSigner } from '../kit/signer.ts'
import { number, printHeading, printTable } from '../kit/table.ts'
import type { GrowthPlan } from './plan.ts'

interface Program {
  readonly file: string
  readonly env: Readonly<Record<string, string>>
  /** Sent as soon as the process listens; the answer must be 200 with this body. */
  readonly request: Request
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

function programsOf({ issued: { options, tokens } }: GrowthPlan): Readonly<Record<string, Program>> {
  const member = createSigner('RS256', 'bench')
  const forward = forwardOptions({ jwks: JSON.stringify({ keys: [member.jwk] }) })
  const protectedBy = (perennial: PerennialOptions, token = ''): Program => ({
    file: app,
    env: { PERENNIAL_OPTIONS: JSON.stringify(perennial) },
    request: { path: '/me', token },
    body: bodyOf(0),
  })
  return {
    'Express, `/me` open to all': { file: app, env: {}, request: { path: '/me' }, body: bodyOf(0) },
    'Express, `/me` protected, session mode on SQLite': protectedBy(options, tokens[0]),
    'Express, `/me` protected, forward mode': protectedBy(forward, member.sign(memberClaims(0))),
    'the service, production, a new SQLite file, `/readyz`': {
      file: service,
      env: {
        PORT: '0',
        PERENNIAL_SECRET: secret,
        MEMBERSTACK_APP_ID: appId,
        MEMBERSTACK_SECRET_KEY: secretKey,
      },
      request: { path: '/readyz' },
      body: '{"status":"ready"}',
    },
  }
}

async function start({ file, env, request, body }: Program, folder: string) {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [file], {
    cwd: mkdtempSync(join(folder, 'start-')),
    env: { NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  try {
    const connection = await openConnection(await readPort(child.stdout))
    const answered = expectStatus(200, await connection.send(request))
    const ms = performance.now() - startedAt
    connection.close()
    if (answered !== body) throw new Error(`no figure from errors: ${request.path} answered ${answered}`)
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
