import { connect } from 'node:net'

const waitMs = 2_000
const defaultPorts = { sentinel: 26_379, redis: 6_379 }

/** Why a Redis that does not answer does not, as far as a bare connection to the first host of its address can tell. */
export async function reachOf(storeUrl: string): Promise<string> {
  const { hostname, port, searchParams } = new URL(storeUrl)
  const kind = searchParams.has('sentinel') ? 'sentinel' : 'redis'
  const host = hostname.replace(/^\[|\]$/g, '')
  const place = { host, port: port === '' ? defaultPorts[kind] : Number(port) }
  const code = await knock(place)
  const where = `${place.host}:${place.port}`
  if (code !== null)
    return `${where} cannot be reached (${code}). Check STORE_URL, the network and the firewall.`
  if (kind === 'sentinel')
    return `${where} can be reached, but not the master that STORE_URL names. Check its name (SENTINEL MASTERS), and that the address Sentinel tells can be reached from here.`
  if (searchParams.has('cluster'))
    return `${where} can be reached, but not as a Cluster. Leave out ?cluster in STORE_URL if it is none; else check that the addresses its nodes tell can be reached from here.`
  return `${where} takes connections but does not answer as Redis. It hangs, or STORE_URL names another service, or redis:// where rediss:// (TLS) is needed, or the other way round.`
}

/** Null when somebody is there. */
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
