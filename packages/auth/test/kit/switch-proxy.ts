import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** One address for several servers on this machine, as a name or a balancer is. */
export interface SwitchProxy {
  readonly port: number
  /** New connections go to this port. Those that are open stay as they are. */
  switchTo(target: number): void
  close(): Promise<void>
}

/** Starts a proxy to `target`, a port of this machine. */
export async function startSwitchProxy(target: number): Promise<SwitchProxy> {
  const open = new Set<Socket>()
  let port = target
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    client.pipe(upstream).pipe(client)
    const end = () => {
      client.destroy()
      upstream.destroy()
      open.delete(client)
    }
    open.add(client)
    for (const socket of [client, upstream]) socket.on('close', end).on('error', end)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    switchTo: (next) => void (port = next),
    async close() {
      server.close()
      for (const client of open) client.destroy()
      await once(server, 'close')
    },
  }
}
