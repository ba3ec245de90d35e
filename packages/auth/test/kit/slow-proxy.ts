import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A proxy to a server on this machine that delays its answers. */
export interface SlowProxy {
  readonly port: number
  /** Delays every answer by this time. */
  delay(ms: number): void
  /** Passes answers on one byte at a time, at this interval. */
  drip(everyMs: number): void
  /** Passes everything on at once, also what is delayed. */
  hurry(): void
  close(): Promise<void>
}

/** Starts a proxy to `target`, a port of this machine. It does not delay requests. */
export async function startSlowProxy(target: number): Promise<SlowProxy> {
  const lines = new Set<Line>()
  let pace: Pace = { kind: 'at_once' }
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    const line = createLine(client, () => pace)
    lines.add(line)
    upstream.on('data', line.take)
    client.pipe(upstream)
    const end = () => {
      lines.delete(line)
      line.stop()
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) socket.on('close', end).on('error', end)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const setPace = (next: Pace) => {
    pace = next
    for (const line of lines) line.go()
  }
  return {
    port: address.port,
    delay: (ms) => setPace({ kind: 'delayed', ms }),
    drip: (everyMs) => setPace({ kind: 'dripping', everyMs }),
    hurry: () => setPace({ kind: 'at_once' }),
    async close() {
      for (const line of lines) line.stop()
      server.close()
      for (const line of lines) line.client.destroy()
      await once(server, 'close')
    },
  }
}

type Pace =
  | { readonly kind: 'at_once' }
  | { readonly kind: 'delayed'; readonly ms: number }
  | { readonly kind: 'dripping'; readonly everyMs: number }

interface Line {
  readonly client: Socket
  readonly take: (bytes: Buffer) => void
  readonly go: () => void
  readonly stop: () => void
}

function createLine(client: Socket, pace: () => Pace): Line {
  let waiting: { readonly bytes: Buffer; readonly since: number }[] = []
  let timer: NodeJS.Timeout | undefined
  const pass = (bytes: Buffer) => client.writable && client.write(bytes)
  const later = (ms: number) => {
    timer = setTimeout(go, ms)
  }
  const go = (): void => {
    clearTimeout(timer)
    const [first, ...rest] = waiting
    if (!first) return
    const now = pace()
    if (now.kind === 'dripping') {
      pass(first.bytes.subarray(0, 1))
      const left = first.bytes.subarray(1)
      waiting = left.length > 0 ? [{ ...first, bytes: left }, ...rest] : rest
      return later(now.everyMs)
    }
    const dueIn = now.kind === 'delayed' ? first.since + now.ms - performance.now() : 0
    if (dueIn > 0) return later(dueIn)
    pass(first.bytes)
    waiting = rest
    go()
  }
  return {
    client,
    take(bytes) {
      waiting.push({ bytes, since: performance.now() })
      if (waiting.length === 1) go()
    },
    go,
    stop: () => clearTimeout(timer),
  }
}
