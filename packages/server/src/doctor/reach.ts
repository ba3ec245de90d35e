import { connect } from 'node:net'
import type { RedisStoreAddress } from '@perennial/auth'

const waitMs = 2_000

/** Returns why a Redis does not answer, judged by a bare TCP connection to the first host of its address. */
export async function reachOf({ topology, nodes: [place] }: RedisStoreAddress): Promise<string> {
  const code = await knock(place)
  const where = `${place.host}:${place.port}`
  if (code !== null)
    return `${where} cannot be reached (${code}). Check STORE_URL, the network and the firewall.`
  if (topology === 'sentinel')
    return `${where} can be reached, but not the master that STORE_URL names. Check its name (SENTINEL MASTERS), and that the address that Sentinel reports can be reached from here.`
  if (topology === 'cluster')
    return `${where} can be reached, but not as a Cluster. Leave out ?cluster in STORE_URL if it is none; else check that the addresses that its nodes report can be reached from here.`
  return `${where} takes connections but does not answer as Redis. It hangs, or STORE_URL names another service, or redis:// where rediss:// (TLS) is needed, or the other way round.`
}

/** Returns the error code of a TCP connection, or null if it was accepted. */
function knock(place: { readonly host: string; readonly port: number }): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(place)
    const settle = (code: string | null) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(code)
    }
    const timer = setTimeout(settle, waitMs, 'ETIMEDOUT')
    socket.once('connect', () => settle(null))
    socket.on('error', (error) => settle('code' in error ? String(error.code) : error.name))
  })
}
