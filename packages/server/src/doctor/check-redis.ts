import {
  type Clock,
  readRedisSettings,
  type RedisSettings,
  type RedisStoreAddress,
  systemClock,
} from '@perennial/auth'
import { type Finding, findingsAbout } from './finding.js'
import {
  describeStoreClock,
  findStoreProblem,
  kindOf,
  knock,
  measureStoreClock,
  type StoreExpectation,
} from './store-server.js'

const store = findingsAbout('store')

/**
 * Checks that Redis accepts the connection and writes, and that it is durable. Writes one key, as readiness does, which
 * expires after a minute.
 */
export async function checkRedis(
  address: RedisStoreAddress,
  expected: StoreExpectation,
  clock: Clock = systemClock,
): Promise<readonly Finding[]> {
  const explain = (kind: string) => adviceOn(kind) ?? reachOf(address)
  const refusal = await findStoreProblem(address, expected, explain)
  if (refusal !== null) return [store.error(refusal)]
  const clockAheadSeconds = await measureStoreClock(address, expected, clock)
  return [
    store.ok('Redis answers and takes writes.'),
    ...(await checkSettings(address)),
    ...describeStoreClock(clockAheadSeconds),
  ]
}

const advice: Readonly<Record<string, string>> = {
  OOM: 'its memory is full (OOM). Raise its maxmemory, or remove what else is stored there.',
  NOPERM:
    'the user in STORE_URL may not do what is needed (NOPERM). Give it the keys perennial:* and the channels perennial:*, with the commands +@all -@dangerous +info.',
  READONLY: 'STORE_URL names a replica (READONLY). Name the primary, or the Sentinels that know it.',
  MISCONF: 'Redis cannot save to its disk and takes no writes (MISCONF). Make room there, and read its log.',
  LOADING: 'Redis is reading its data (LOADING). Run the doctor again when it has finished.',
  MOVED: 'STORE_URL names a node of a Cluster (MOVED). Add ?cluster to it.',
  CLUSTERDOWN: 'some nodes of the Cluster are missing (CLUSTERDOWN). See CLUSTER NODES.',
}

/** A missing right has more words than its code: `NOPERM keys`. */
function adviceOn(kind: string): string | null {
  const [code = ''] = kind.split(' ', 1)
  return Object.hasOwn(advice, code) ? (advice[code] ?? null) : null
}

/** Hosted services often refuse `CONFIG GET`. */
async function checkSettings(address: RedisStoreAddress): Promise<readonly Finding[]> {
  try {
    const primaries = await readRedisSettings(address.url)
    const isMany = primaries.length > 1
    return primaries.map((settings) => judge(settings, isMany ? `${settings.host}:${settings.port}: ` : ''))
  } catch (error) {
    return [
      store.warning(
        `its durability settings could not be read (${kindOf(error).split(' ', 1)[0]}). Make sure of appendonly yes and maxmemory-policy noeviction.`,
      ),
    ]
  }
}

function judge({ appendOnly, appendFsync, evictionPolicy }: RedisSettings, node: string): Finding {
  if (evictionPolicy !== 'noeviction')
    return store.error(
      `${node}maxmemory-policy is ${evictionPolicy ?? 'unknown'}: Redis may drop sessions. Set it to noeviction.`,
    )
  if (appendOnly !== 'yes')
    return store.warning(
      `${node}appendonly is off: a crash loses every session begun since the last snapshot. Set appendonly yes.`,
    )
  if (appendFsync === 'always')
    return store.ok(`${node}appendonly yes, appendfsync always: a power cut loses nothing.`)
  if (appendFsync === 'everysec')
    return store.ok(
      `${node}appendonly yes, appendfsync everysec: a power cut loses about a second. Members who signed in during it sign in again, all others stay signed in. appendfsync always loses nothing.`,
    )
  return store.warning(
    `${node}appendonly yes, appendfsync ${appendFsync ?? 'unknown'}: a power cut loses half a minute or more. Set appendfsync everysec or always.`,
  )
}

/** Returns why a Redis does not answer, judged by a bare TCP connection to the first host of its address. */
async function reachOf({ topology, nodes: [place] }: RedisStoreAddress): Promise<string> {
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
