import { openStore, readRedisSettings, systemClock, type RedisSettings } from '@perennial/auth'
import { findingsAbout, type Finding } from './finding.js'
import { reachOf } from './reach.js'

const store = findingsAbout('store')

/** A Redis: takes us, takes writes, and keeps what it took. Writes one key, as readiness does, that is gone in a minute. */
export async function checkRedis(storeUrl: string): Promise<readonly Finding[]> {
  const refusal = await findRefusal(storeUrl)
  if (refusal !== null) return [store.error(refusal)]
  return [store.ok('Redis answers and takes writes.'), ...(await checkSettings(storeUrl))]
}

async function findRefusal(storeUrl: string): Promise<string | null> {
  try {
    const opened = await openStore(storeUrl, { clock: systemClock })
    try {
      await opened.check()
    } finally {
      await opened.close()
    }
    return null
  } catch (error) {
    if (!(error instanceof Error)) throw error
    // What only the operator can mend is told in one line, without a secret; an answer that does not come has a code.
    if (!('code' in error)) return `${error.message} The address is STORE_URL.`
    return adviceOn(kindOf(error)) ?? (await reachOf(storeUrl))
  }
}

const advice: Readonly<Record<string, string>> = {
  OOM: 'its memory is full (OOM). Raise its maxmemory, or take out what else is kept there.',
  NOPERM:
    'the user in STORE_URL may not do what is needed (NOPERM). Give it the keys perennial:* and the channels perennial:*, with +@all, or +@all -@admin.',
  READONLY: 'STORE_URL names a replica (READONLY). Name the primary, or the Sentinels that know it.',
  MISCONF:
    'Redis cannot save to its disk and takes no writes (MISCONF). Make room there, and look at its log.',
  LOADING: 'Redis is reading its data (LOADING). Ask again when it is through.',
  MOVED: 'STORE_URL names a node of a Cluster (MOVED). Add ?cluster to it.',
  CLUSTERDOWN: 'the Cluster lacks a part of its nodes (CLUSTERDOWN). Look at CLUSTER NODES.',
}

function adviceOn(kind: string): string | null {
  return Object.hasOwn(advice, kind) ? (advice[kind] ?? null) : null
}

/** Hosted services often forbid to read them. */
async function checkSettings(storeUrl: string): Promise<readonly Finding[]> {
  try {
    const primaries = await readRedisSettings(storeUrl)
    const isMany = primaries.length > 1
    return primaries.map((settings) => judge(settings, isMany ? `${settings.host}:${settings.port}: ` : ''))
  } catch (error) {
    return [
      store.warning(
        `its durability settings could not be read (${kindOf(error)}). See to appendonly yes and maxmemory-policy noeviction.`,
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
      `${node}appendonly yes, appendfsync everysec: a power cut loses about a second. Members who signed in then do it again, all others stay. appendfsync always loses nothing.`,
    )
  return store.warning(
    `${node}appendonly yes, appendfsync ${appendFsync ?? 'unknown'}: a power cut loses half a minute or more. Set appendfsync everysec or always.`,
  )
}

/** What our store says is the matter: the first word of an answer, or the operating system's. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return error.cause instanceof Error ? error.cause.message : error.name
}
