/** Prints what a protected route costs on each framework, beside the same route without authentication. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Agent } from 'node:http'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { ask, load, type LoadResult } from './adapters/load.ts'
import { contenders } from './adapters/servers.ts'
import { createTokens, memberId } from './adapters/tokens.ts'

const members = 10_000
const count = Number(process.env['BENCH_REQUESTS'] ?? 30_000)
const child = fileURLToPath(new URL('adapters/child.ts', import.meta.url))
const tokens = createTokens(members)
const [first = ''] = tokens.good

interface Usage {
  readonly cpuSeconds: number
  readonly memoryBytes: number
}

async function usageOf(server: ChildProcess): Promise<Usage> {
  const answered = once(server, 'message')
  server.send('usage')
  const [usage] = await answered
  return usage
}

/** Every bad token must be 401 or 403; otherwise its name and what came instead. */
async function readRefusals(port: number): Promise<string> {
  const agent = new Agent({ keepAlive: true })
  const wrong: string[] = []
  for (const [name, token] of Object.entries(tokens.bad)) {
    const { status } = await ask(port, token, agent)
    if (status !== 401 && status !== 403) wrong.push(`${name}: ${status}`)
  }
  agent.destroy()
  return wrong.join(', ') || 'all'
}

async function measure(name: string): Promise<void> {
  const isOpen = name.endsWith('open')
  // Nothing listens there: no refresh is asked for.
  const server = fork(child, [name, tokens.jwks, 'http://127.0.0.1:9/'], { stdio: ['ignore', 2, 2, 'ipc'] })
  const [{ port }] = await once(server, 'message')
  const one = () => ({ token: first, expected: JSON.stringify({ id: memberId(0) }) })
  const many = (index: number) => {
    const member = index % members
    const id = memberId(isOpen ? 0 : member)
    return { token: tokens.good[member] ?? '', expected: JSON.stringify({ id }) }
  }
  const run = async (shape: string, shot: typeof many) => {
    const before = await usageOf(server)
    const result = await load(port, count, shot)
    print([name, shape], { result, before, after: await usageOf(server), refused })
  }
  const refused = isOpen ? '-' : await readRefusals(port)
  // Compiled and warm before anything is measured.
  await load(port, count, one)
  await run('one', one)
  // Seen before: each token once.
  await load(port, members, many)
  await run('10,000', many)
  await run('one after', one)
  server.disconnect()
  await once(server, 'exit')
}

interface Row {
  readonly result: LoadResult
  readonly before: Usage
  readonly after: Usage
  readonly refused: string
}

function print(labels: readonly string[], { result, before, after, refused }: Row): void {
  const cpu = ((after.cpuSeconds - before.cpuSeconds) / count) * 10_000
  const figures = [Math.round(result.requestsPerSecond), cpu.toFixed(3), result.p99Ms.toFixed(1)]
  const cells = [...labels, ...figures, Math.round(after.memoryBytes / 1e6), refused]
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}

process.stdout.write(
  '| server | tokens | requests/s | CPU s per 10,000 | p99 ms | memory MB | refuses |\n| --- | --- | --- | --- | --- | --- | --- |\n',
)
for (const name of Object.keys(contenders)) await measure(name)
