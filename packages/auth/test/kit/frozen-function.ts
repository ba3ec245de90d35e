import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

/** One request to a function. */
export interface FunctionRequest {
  readonly route: string
  readonly token?: string | undefined
  readonly body?: object | undefined
  /** The time at which it comes, in seconds. */
  readonly now: number
}

/** A process that runs only while it answers. */
export interface FrozenFunction {
  /** Continues the process, sends the request, and stops the process as soon as the whole answer has come. */
  call(request: FunctionRequest): Promise<Response>
  close(): Promise<void>
}

const script = fileURLToPath(new URL('function-process.ts', import.meta.url))

/** Starts a function as AWS Lambda does, and freezes it. */
export async function startFrozenFunction(options: object, now: number): Promise<FrozenFunction> {
  const child = spawn(process.execPath, [script], {
    env: {
      AWS_LAMBDA_FUNCTION_NAME: 'perennial',
      PERENNIAL_TEST_OPTIONS: JSON.stringify(options),
      PERENNIAL_TEST_NOW: String(now),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [port]: Buffer[] = await once(child.stdout, 'data')
  const origin = `http://127.0.0.1:${String(port).trim()}`
  const freeze = async () => {
    child.kill('SIGSTOP')
    while (!isStopped(child.pid)) await new Promise((resolve) => setImmediate(resolve))
  }
  await freeze()
  return {
    async call(request) {
      child.kill('SIGCONT')
      const answer = await fetch(...toFetch(origin, request))
      const body = await answer.text()
      await freeze()
      return new Response(answer.status === 204 ? null : body, { status: answer.status })
    },
    async close() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Returns the arguments of `fetch` for a request. */
export function toFetch(origin: string, { route, token, body, now }: FunctionRequest): [string, RequestInit] {
  const [method = 'GET', path = ''] = route.split(' ')
  return [
    `${origin}/v1/auth${path}`,
    {
      method,
      headers: { 'x-now': String(now), ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    },
  ]
}

function isStopped(pid: number | undefined): boolean {
  return /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
}
