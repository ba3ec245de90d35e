import { freeClusterPort } from './redis.js'
import { isInStep, startRedisOn, type RedisServer } from './redis.js'

/** A Cluster of three primaries and a replica of the first. */
export interface RedisNodes {
  /** The address of the store. */
  readonly url: string
  readonly primaries: readonly RedisServer[]
  readonly replica: RedisServer
  flush(): Promise<void>
  /** Returns the primary that holds this key at the start. */
  holderOf(key: string): Promise<RedisServer>
  /** Resolves when the replica has everything that was written to the first primary. */
  inStep(): Promise<void>
  remove(): Promise<void>
}

const slots = 16_384
const settings = [
  ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', '--cluster-node-timeout', '1000'],
  // Otherwise the whole Cluster stops when a part of it is away.
  ['--cluster-require-full-coverage', 'no'],
  ['--repl-diskless-sync-delay', '0'],
].flat()

/** Starts the four nodes, and waits until they agree on the Cluster. */
export async function startRedisNodes(): Promise<RedisNodes> {
  const primaries = [await startNode(), await startNode(), await startNode()]
  const replica = await startNode()
  const all = [...primaries, replica]
  const [first = replica] = primaries
  await Promise.all(all.map(({ admin }, at) => admin.call('CLUSTER', 'SET-CONFIG-EPOCH', at + 1)))
  await Promise.all(primaries.map((node, at) => takeSlots(node, at, primaries.length)))
  for (const { port } of all) await first.admin.call('CLUSTER', 'MEET', '127.0.0.1', port)
  await holds(all, 'CLUSTER INFO', `cluster_known_nodes:${all.length}`)
  await replica.admin.call('CLUSTER', 'REPLICATE', await idOf(first))
  await holds(all, 'CLUSTER INFO', 'cluster_state:ok', `cluster_slots_ok:${slots}`)
  await holds(all, 'CLUSTER NODES', 'slave ')
  await holds([replica], 'INFO', 'master_link_status:up')
  return {
    url: `redis://127.0.0.1:${first.port}?cluster&node=127.0.0.1:${replica.port}`,
    primaries,
    replica,
    async flush() {
      for (const { admin } of primaries) await admin.flushall()
    },
    async holderOf(key) {
      const slot = await slotOf(first, key)
      const holder = primaries[Math.floor((slot * primaries.length) / slots)]
      if (!holder) throw new Error('no such slot')
      return holder
    },
    async inStep() {
      while (!(await isInStep(first, replica)));
    },
    async remove() {
      await Promise.all(all.map((node) => node.remove()))
    },
  }
}

/** Returns the slot of a key. */
export async function slotOf({ admin }: RedisServer, key: string): Promise<number> {
  return Number(await admin.call('CLUSTER', 'KEYSLOT', key))
}

/** Returns the id of a node. */
export async function idOf({ admin }: RedisServer): Promise<string> {
  return String(await admin.call('CLUSTER', 'MYID'))
}

async function startNode(): Promise<RedisServer> {
  return startRedisOn(await freeClusterPort(), settings)
}

async function takeSlots({ admin }: RedisServer, at: number, of: number): Promise<void> {
  const own = Array.from({ length: slots }, (_, slot) => slot).filter(
    (slot) => Math.floor((slot * of) / slots) === at,
  )
  await admin.call('CLUSTER', 'ADDSLOTS', ...own)
}

async function holds(nodes: readonly RedisServer[], question: string, ...wanted: readonly string[]) {
  const [name = '', ...args] = question.split(' ')
  for (const { admin } of nodes) {
    for (;;) {
      const reply = String(await admin.call(name, ...args))
      if (wanted.every((text) => reply.includes(text))) break
    }
  }
}
