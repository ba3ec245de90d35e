import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { PerennialOptions } from '@perennial/auth'
import { median } from '../session-cost/cpu-seconds.ts'
import { bodyOf } from './member.ts'
import { createMemberSigner } from './member-tokens.ts'
import type { SessionTokens } from './session-tokens.ts'
import { heading, number, row } from './table.ts'

/** What is measured. */
export interface StartUpPlan {
  readonly folder: string
  readonly storeUrl: string
  readonly issued: SessionTokens
  /** Of each. */
  readonly starts: number
}

interface Program {
  readonly file: string
  readonly env: Readonly<Record<string, string>>
  /** What is asked as soon as it listens, and must be answered 200 with this body. */
  readonly path: string
  readonly token?: string
  readonly body: string
}

interface Start {
  readonly ms: number
  readonly cpuMs: number
}

const service = fileURLToPath(new URL('../../packages/server/dist/main.js', import.meta.url))
const app = fileURLToPath(new URL('start-up-app.mjs', import.meta.url))

/** From the start of the process to the first 200. */
export async function printStartUp(plan: StartUpPlan): Promise<void> {
  heading(
    'Start-up',
    `From the start of the process until it has answered its first request with 200; the middle one of ${plan.starts} starts by turns. CPU: the whole ` +
      'process until then, all threads. Wall-clock time wants a quiet machine.',
    ['', 'milliseconds', 'quickest', 'ms of CPU'],
  )
  const programs = programsOf(plan)
  const starts = new Map(Object.keys(programs).map((name): [string, Start[]] => [name, []]))
  for (let turn = 0; turn < plan.starts; turn += 1) {
    for (const [name, program] of Object.entries(programs))
      starts.get(name)?.push(await start(program, plan.folder))
  }
  for (const [name, own] of starts) {
    const ms = own.map((one) => one.ms)
    row(name, number(median(ms)), number(Math.min(...ms)), number(median(own.map(({ cpuMs }) => cpuMs))))
  }
}

function programsOf({ storeUrl, issued }: StartUpPlan): Readonly<Record<string, Program>> {
  const member = createMemberSigner('bench')
  const me = { file: app, path: '/me', body: bodyOf(0) }
  const withOptions = (options: PerennialOptions) => ({ PERENNIAL_OPTIONS: JSON.stringify(options) })
  const memberstack = { appId: 'app_bench', secretKey: 'sk_bench', adminUrl: 'http://127.0.0.1:9' }
  return {
    'Express, `/me` open to all': { ...me, env: {} },
    'Express, `/me` protected, session mode on SQLite': {
      ...me,
      env: withOptions({ store: storeUrl, secret: issued.secret, memberstack }),
      token: issued.tokens[0] ?? '',
    },
    'Express, `/me` protected, forward mode': {
      ...me,
      env: withOptions({
        store: 'memory:',
        memberstack: {
          appId: 'app_bench',
          jwks: JSON.stringify({ keys: [member.jwk] }),
          refreshUrl: 'http://127.0.0.1:9/',
        },
      }),
      token: member.sign(0),
    },
    'the service, production, a new SQLite file, `/readyz`': {
      file: service,
      path: '/readyz',
      body: '{"status":"ready"}',
      env: {
        PORT: '0',
        PERENNIAL_SECRET: issued.secret,
        MEMBERSTACK_APP_ID: 'app_bench',
        MEMBERSTACK_SECRET_KEY: 'sk_bench',
      },
    },
  }
}

async function start({ file, env, ...asked }: Program, folder: string): Promise<Start> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [file], {
    cwd: mkdtempSync(join(folder, 'start-')),
    env: { NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  try {
    const url = await readUrl(child.stdout)
    await askOnce(`${url}${asked.path}`, asked)
    const ms = performance.now() - startedAt
    return { ms, cpuMs: cpuMsOf(child.pid) }
  } finally {
    child.kill()
    await exited
  }
}

async function readUrl(output: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const bytes of output) {
    text += bytes.toString()
    const url = /"url":"(http:[^"]+)"/.exec(text)?.[1]
    if (url !== undefined) return url
  }
  throw new Error(`no figure from errors: it ended before it listened: ${text}`)
}

function askOnce(url: string, { token, body }: Pick<Program, 'token' | 'body'>): Promise<void> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return new Promise((resolve, reject) => {
    get(url, { headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => {
        if (response.statusCode === 200 && text === body) resolve()
        else reject(new Error(`no figure from errors: ${url} answered ${response.statusCode} ${text}`))
      })
    }).on('error', reject)
  })
}

const ticksPerSecond = 100

/** As Linux counts it, in hundredths of a second; not a number elsewhere. */
function cpuMsOf(pid: number | undefined): number {
  if (process.platform !== 'linux') return Number.NaN
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1000
}
