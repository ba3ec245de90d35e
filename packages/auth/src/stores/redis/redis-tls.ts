import { isIP } from 'node:net'
import { connect } from 'node:tls'
import type { RedisNode } from './redis-address.js'
import { networkCode } from './redis-commands.js'

const waitMs = 2_000

/**
 * Speaks TLS to the nodes of an address once, so that what only its operator can mend stops the start. A node that is away
 * is no reason, and one that is well is enough.
 * @throws Error in one line, when nobody vouches for a certificate, or TLS fails in another way
 */
export async function checkTls(nodes: readonly RedisNode[]): Promise<void> {
  const codes = await Promise.all(nodes.map(shakeHands))
  if (codes.includes(null)) return
  const problem = codes.map((code) => adviceOn(code ?? '')).find((advice) => advice !== null)
  if (problem) throw new Error(`The Redis store cannot be reached by TLS: ${problem}`)
}

/** What went wrong; null when a server answered. */
function shakeHands({ host, port }: RedisNode): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...(isIP(host) ? {} : { servername: host }) })
    const settle = (code: string | null) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(code)
    }
    const timer = setTimeout(settle, waitMs, 'ETIMEDOUT')
    // Whether the server wants a certificate of ours is known with its first answer, whatever that is.
    socket.once('secureConnect', () => socket.write('PING\r\n'))
    socket.once('data', () => settle(null))
    socket.on('error', (error) => settle(networkCode(error) ?? error.name))
    socket.once('close', () => settle('ECONNRESET'))
  })
}

function adviceOn(code: string): string | null {
  if (/^(ERR_SSL|EPROTO)/.test(code)) {
    return `${code}. Name the port that speaks TLS, and set tls-auth-clients no (client certificates are not supported).`
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `its certificate is for another name (${code}). Use a host in the address that the certificate names.`
  }
  if (/CERT|^UNABLE_TO_|^INVALID_|^HOSTNAME_/.test(code)) {
    return `nobody vouches for its certificate (${code}). Start with NODE_EXTRA_CA_CERTS=<file of its CA, PEM>, or give it a valid one.`
  }
  return null
}
