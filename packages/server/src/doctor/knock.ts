import { connect, type NetConnectOpts } from 'node:net'

const waitMs = 2_000

/** Returns the error code of a bare connection, or null if it was accepted. */
export function knock(place: NetConnectOpts): Promise<string | null> {
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
