import { Agent, request } from 'node:http'

/** What a run of requests took. */
export interface LoadResult {
  readonly requestsPerSecond: number
  readonly p99Ms: number
}

/** One request to come: its token, and the body that it must be answered with. */
export interface Shot {
  readonly token: string
  readonly expected: string
}

/** One answer to `GET /me`. */
export function ask(port: number, token: string, agent: Agent): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    request({ host: '127.0.0.1', port, path: '/me', agent, headers }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
      .on('error', reject)
      .end()
  })
}

/**
 * Sends `count` requests over 32 connections, each checked.
 * @throws Error at the first answer that is not 200 with the expected body: no figure from errors
 */
export async function load(port: number, count: number, nextShot: () => Shot): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  const times: number[] = []
  let left = count
  const work = async () => {
    while (left-- > 0) {
      const { token, expected } = nextShot()
      const startedAt = performance.now()
      const { status, body } = await ask(port, token, agent)
      times.push(performance.now() - startedAt)
      if (status !== 200 || body !== expected) throw new Error(`answered ${status} ${body}, not ${expected}`)
    }
  }
  const startedAt = performance.now()
  try {
    await Promise.all(Array.from({ length: 32 }, work))
  } finally {
    agent.destroy()
  }
  const seconds = (performance.now() - startedAt) / 1000
  times.sort((a, b) => a - b)
  return { requestsPerSecond: count / seconds, p99Ms: times[Math.floor(count * 0.99)] ?? Number.NaN }
}
