import { readFileSync } from 'node:fs'
import process from 'node:process'
import type { RunningSite } from './built-site.js'

/** A site whose process runs only while it answers, as on a platform of functions. */
export interface FrozenSite {
  /** Continues the process, sends all requests at once, and stops the process as soon as the last whole answer has come. */
  ask(requests: readonly FrozenRequest[], aheadSeconds: number): Promise<readonly Response[]>
  close(): Promise<void>
}

/** A request to a frozen site, of one of its own pages. Redirects are not followed. */
export interface FrozenRequest {
  readonly path: string
  readonly init: RequestInit
}

/** Freezes a site that runs. Beside its first request it gets the time that has passed while it was frozen. */
export async function freeze(site: RunningSite): Promise<FrozenSite> {
  const stop = async () => {
    process.kill(site.pid, 'SIGSTOP')
    while (!isStopped(site.pid)) await new Promise((resolve) => setImmediate(resolve))
  }
  const send = async ({ path, init }: FrozenRequest) => {
    const headers = new Headers(init.headers)
    if (init.method !== undefined) headers.set('origin', site.url)
    const answer = await fetch(`${site.url}${path}`, { redirect: 'manual', ...init, headers })
    const text = await answer.text()
    return new Response(answer.status === 204 ? null : text, {
      status: answer.status,
      headers: answer.headers,
    })
  }
  await stop()
  return {
    async ask(requests, aheadSeconds) {
      process.kill(site.pid, 'SIGCONT')
      await site.setClock(aheadSeconds)
      const answers = await Promise.all(requests.map(send))
      await stop()
      return answers
    },
    async close() {
      process.kill(site.pid, 'SIGCONT')
      await site.stop()
    },
  }
}

function isStopped(pid: number): boolean {
  return /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
}
