import { isIP } from 'node:net'
import { connect } from 'node:tls'
import type { RedisAddress, RedisNode } from './address.js'
import { createClients, type RedisClient } from './clients.js'
import { createCommands, type RedisCommands } from './commands.js'
import { createChannels, type RedisChannels } from './channels.js'
import { createRedisKeys, type RedisKeys } from './keys.js'
import { lastOf, networkCode, replyCode } from './replies.js'

/** An open connection. */
export interface RedisConnection extends RedisCommands {
  /** The names of what belongs to this deployment. */
  readonly keys: RedisKeys
  readonly channels: RedisChannels
  /** The commands of every node that holds keys: one, or the primaries of a Cluster. */
  readonly primaries: () => readonly RedisCommands[]
  /** The commands of every node, replicas of a Cluster included. */
  readonly nodes: () => readonly RedisCommands[]
  close(): Promise<void>
}

const startWaitMs = 2_000

/**
 * Connects to Redis. If Redis is away, it waits 2 s at most, and the clients go on connecting in the background.
 * @throws Error with a message of one line, if the driver is missing, Redis refuses the password, or its certificate is
 * not trusted
 */
export async function openRedisConnection(address: RedisAddress, prefix: string): Promise<RedisConnection> {
  if (address.tls) await checkTls(address.nodes)
  const clients = await createClients(address)
  const { commands, subscriber } = clients
  const [refusal] = await Promise.all([findRefusal(commands), findRefusal(subscriber)])
  if (refusal !== null) {
    clients.close()
    throw new Error(
      `The Redis store refuses the connection (${refusal}): check user and password in its address.`,
    )
  }
  const own = createCommands(commands, clients.connectionTrouble)
  const each = (role: 'master' | 'all') =>
    'nodes' in commands ? commands.nodes(role).map((node) => createCommands(node)) : [own]
  return {
    ...own,
    keys: createRedisKeys(prefix),
    primaries: () => each('master'),
    nodes: () => each('all'),
    channels: createChannels(subscriber),
    close: async () => clients.close(),
  }
}

/** Returns why Redis refuses the connection; null if it accepts it, or cannot be reached within 2 s. */
export function findRefusal(client: RedisClient): Promise<string | null> {
  return new Promise((resolve) => {
    const settle = (refusal: string | null) => {
      clearTimeout(timer)
      client.off('ready', onReady)
      client.off('error', onError)
      resolve(refusal)
    }
    const onReady = () => settle(null)
    const onError = (error: unknown) => {
      const code = replyCode(lastOf(error))
      if (code === 'WRONGPASS' || code === 'NOAUTH' || code === 'NOPERM') settle(code)
    }
    const timer = setTimeout(settle, startWaitMs, null)
    client.on('ready', onReady)
    client.on('error', onError)
    if (client.status === 'ready') onReady()
  })
}

/**
 * Makes one TLS handshake with each node, so that a fault that only the operator can correct stops the start. A node that
 * is away is no such fault, and one good node is enough.
 * @throws Error with a message of one line, if no certificate is trusted, or TLS fails in another way
 */
async function checkTls(nodes: readonly RedisNode[]): Promise<void> {
  const codes = await Promise.all(nodes.map(shakeHands))
  if (codes.includes(null)) return
  const problem = codes.map((code) => tlsAdvice(code ?? '')).find((advice) => advice !== null)
  if (problem) throw new Error(`The Redis store cannot be reached by TLS: ${problem}`)
}

/** Returns the code of the failure, or null if the server answered. */
function shakeHands({ host, port }: RedisNode): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...(isIP(host) ? {} : { servername: host }) })
    const settle = (code: string | null) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(code)
    }
    const timer = setTimeout(settle, startWaitMs, 'ETIMEDOUT')
    // Only the first answer, whatever it is, shows that the server wants no client certificate.
    socket.once('secureConnect', () => socket.write('PING\r\n'))
    socket.once('data', () => settle(null))
    socket.on('error', (error) => settle(networkCode(error) ?? error.name))
    socket.once('close', () => settle('ECONNRESET'))
  })
}

function tlsAdvice(code: string): string | null {
  if (/^(ERR_SSL|EPROTO)/.test(code)) {
    return `${code}. Name the port that speaks TLS, and set tls-auth-clients no (client certificates are not supported).`
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `its certificate is for another name (${code}). Use a host in the address that the certificate names.`
  }
  if (/CERT|^UNABLE_TO_|^INVALID_|^HOSTNAME_/.test(code)) {
    return `its certificate is not trusted (${code}). Start with NODE_EXTRA_CA_CERTS=<file of its CA, PEM>, or give it a valid one.`
  }
  return null
}
