import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** An example that runs as a separate process. */
export interface RunningExample {
  readonly url: string
  /** Sends SIGTERM and resolves with the exit code. */
  stop(): Promise<number | null>
  /** Kills the process if it still runs. */
  kill(): Promise<void>
}

/** Starts a program that prints `Listening: {…"port":…}`, or `Listening on http://…` as Deno does. Its environment contains only the given variables. */
export async function runExample(
  [program, ...parameters]: readonly [string, ...string[]],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<RunningExample> {
  const child = spawn(program, parameters, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const url = new Promise<string>((resolve, reject) => {
    const hear = (bytes: Buffer) => {
      output += bytes.toString()
      const port = /^Listening(?:: .*"port":| on http:.*:)(\d+)/m.exec(output)?.[1]
      if (port) resolve(`http://127.0.0.1:${port}`)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('error', reject)
    child.once('close', () => reject(new Error(`${parameters.at(-1)} ended: ${output}`)))
  })
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'close')
  }
  return {
    url: await url,
    async stop() {
      await end('SIGTERM')
      return child.exitCode
    },
    kill: () => end('SIGKILL'),
  }
}
