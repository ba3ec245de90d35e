import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expectStatus, openConnection } from '../kit/http.ts'
import { cpuSecondsOfProcess } from '../kit/machine.ts'
import { appId, secret, secretKey } from '../kit/members.ts'

/** The time from the start of a process to its first answer, or its first verified token. */
export interface Start {
  readonly milliseconds: number
  /** Of all threads of the process until then. */
  readonly cpuMilliseconds: number
}

/** A process whose start is measured. `root` is the checkout that it is started from. */
export interface StartCase {
  readonly name: string
  readonly start: (root: string, preload?: Preload) => Promise<Start>
}

/** Flags and variables of a process that is looked into, and not measured. */
export interface Preload {
  readonly flags: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

const program = fileURLToPath(new URL('first-token.mjs', import.meta.url))

/** A case that imports doors of the library, and verifies a token. */
export function libraryCase(
  name: string,
  doors: readonly string[],
  settings: Readonly<Record<string, unknown>>,
): StartCase {
  return {
    name,
    async start(root, { flags, env } = { flags: [], env: {} }) {
      const files = doors.map((door) => join(root, 'packages/auth/dist', door))
      const child = spawn(process.execPath, [...flags, program, files.join(','), JSON.stringify(settings)], {
        env: { NODE_ENV: 'production', ...env },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
      if (code !== 0) throw new Error(`no figure from errors: ${name} exited with ${String(code)}`)
      return JSON.parse(printed)
    },
  }
}

/** A case that starts the service, and asks until `/readyz` answers 200. */
export function serviceCase(
  name: string,
  variables: Readonly<Record<string, string>>,
  folder: string,
): StartCase {
  return {
    name,
    async start(root, { flags, env } = { flags: [], env: {} }) {
      const startedAt = performance.now()
      const child = spawn(process.execPath, [...flags, join(root, 'packages/server/dist/main.js')], {
        cwd: mkdtempSync(join(folder, 'start-')),
        env: {
          NODE_ENV: 'production',
          PORT: '0',
          PERENNIAL_SECRET: secret,
          MEMBERSTACK_APP_ID: appId,
          MEMBERSTACK_SECRET_KEY: secretKey,
          ...variables,
          ...env,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const exited = once(child, 'exit')
      try {
        const connection = await openConnection(await readPort(child.stdout))
        expectStatus(200, await connection.send({ path: '/readyz' }))
        const milliseconds = performance.now() - startedAt
        connection.close()
        return { milliseconds, cpuMilliseconds: cpuSecondsOfProcess(child.pid) * 1000 }
      } finally {
        child.stdout.resume()
        child.kill()
        await exited
      }
    },
  }
}

async function readPort(output: NodeJS.ReadableStream): Promise<number> {
  let printed = ''
  return await new Promise((resolve, reject) => {
    output.on('data', (bytes: Buffer) => {
      printed += bytes.toString()
      const port = /"url":"http:[^"]+:(\d+)"/.exec(printed)?.[1]
      if (port !== undefined) resolve(Number(port))
    })
    output.once('end', () =>
      reject(new Error(`no figure from errors: it ended before it listened: ${printed}`)),
    )
  })
}
