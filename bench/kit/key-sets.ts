import type { JsonWebKey } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { serveJson } from './loopback.ts'

/** A key set (RFC 7517 §5) on loopback. Every reader has an address of its own, so that its reads can be counted. */
export interface KeySetServer {
  urlFor(reader: string): string
  /** Returns the number of reads since the last call for this reader. */
  takeReads(reader: string): number
  /** Replaces the keys. */
  publish(keys: readonly JsonWebKey[]): void
  close(): void
}

/** Starts one that takes `delayMs` for each answer. */
export async function startKeySets(first: readonly JsonWebKey[], delayMs = 0): Promise<KeySetServer> {
  let body = JSON.stringify({ keys: first })
  const reads = new Map<string, number>()
  const server = await serveJson(async ({ path }) => {
    reads.set(path, (reads.get(path) ?? 0) + 1)
    if (delayMs > 0) await sleep(delayMs)
    return { status: 200, body }
  })
  const pathOf = (reader: string) => `/${encodeURIComponent(reader)}/jwks.json`
  return {
    urlFor: (reader) => `${server.url}${pathOf(reader)}`,
    takeReads(reader) {
      const taken = reads.get(pathOf(reader)) ?? 0
      reads.delete(pathOf(reader))
      return taken
    },
    publish(keys) {
      body = JSON.stringify({ keys })
    },
    close: () => server.close(),
  }
}
