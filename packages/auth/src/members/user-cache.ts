import { deepFreeze } from '../base/json.js'
import type { Clock } from '../base/time.js'
import { createBoundedMap } from '../base/bounded-map.js'
import type { MemberstackUser } from '../base/formats.js'
import type { Member, MemberReading } from './member.js'

/** A definite answer of the admin API. */
export type MemberNews = Exclude<MemberReading, { kind: 'unavailable' }>

/** A user as last read. */
export interface KeptUser {
  /** Null for a member that does not exist. */
  readonly user: MemberstackUser | null
  readonly readAt: number
  /** The time to renew it in the background. */
  readonly renewAt: number
  /** No call before this time: the last one had no answer. */
  putOffUntil: number
}

/** Options of {@link createUserCache}. */
export interface UserCacheOptions {
  readonly clock: Clock
  /** The largest age of an answer while the admin API answers, in seconds. */
  readonly cacheSeconds: number
  /** The largest age of an answer while the admin API is down, in seconds. */
  readonly staleSeconds: number
  /** The least number of members kept; twice as many at most. @defaultValue 10000 */
  readonly maxEntries?: number | undefined
  /** From 0 to 1, to spread renewals. @defaultValue `Math.random` */
  readonly random?: (() => number) | undefined
}

/** Users as last read, and the time for which each may be used. */
export interface UserCache {
  get(memberId: string): KeptUser | undefined
  entryFrom(news: MemberNews): KeptUser
  /** Keeps an entry, unless a newer one is kept already. */
  keep(memberId: string, entry: KeptUser): void
  delete(memberId: string): void
  /** Returns true if the entry is new enough to be used without a call. */
  isFresh(entry: KeptUser, now: number): boolean
  /** Returns true if the entry is new enough to be used while the admin API is down. */
  isUsable(entry: KeptUser, now: number): boolean
}

/** Creates a bounded cache. Entries that were read together are not renewed together. */
export function createUserCache(options: UserCacheOptions): UserCache {
  const { clock, cacheSeconds, staleSeconds, maxEntries = 10_000, random = Math.random } = options
  const entries = createBoundedMap<KeptUser>(maxEntries)
  const isFresh = (entry: KeptUser, now: number) => now < entry.readAt + cacheSeconds
  return {
    get: (memberId) => entries.get(memberId),
    delete: (memberId) => entries.delete(memberId),
    isFresh,
    isUsable: (entry, now) => isFresh(entry, now) || now < entry.readAt + staleSeconds,
    entryFrom(news) {
      const readAt = news.kind === 'found' ? news.readAt : clock()
      const renewAt = readAt + cacheSeconds * (0.75 + 0.2 * random())
      return { user: news.kind === 'found' ? userFrom(news.member) : null, readAt, renewAt, putOffUntil: 0 }
    },
    keep(memberId, entry) {
      const kept = entries.get(memberId)
      if (!kept || kept.readAt <= entry.readAt) entries.set(memberId, entry)
    },
  }
}

/** The four fields and nothing else, frozen because one object serves many requests. */
function userFrom({ userId, email, roles, customFields }: Member): MemberstackUser {
  return deepFreeze({ userId, email, roles, customFields })
}
