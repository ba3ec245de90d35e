import { createPagedMap } from '../base/paged-map.js'
import type { SessionRow } from '../sessions/index.js'

/** The sessions of each member in the order of their creation, so that a page of a list costs the same however many there are. */
export interface MemberIndex {
  add(session: SessionRow): void
  remove(session: Pick<SessionRow, 'id' | 'memberId'>): void
  /** Returns the number of sessions of a member. */
  countOf(memberId: string): number
  /** Yields the ids of a member's sessions, oldest first. */
  oldestFirst(memberId: string): Iterable<string>
  /** Yields the ids of a member's sessions before the place `after` (null: all), newest first, each with its place. */
  newestFirst(
    memberId: string,
    after: string | null,
  ): Iterable<{ readonly id: string; readonly place: string }>
}

const digits = 16

/** Creates an empty index. A place is the creation and then a count, as texts that sort in that order. */
export function createMemberIndex(): MemberIndex {
  const placesOf = new Map<string, string[]>()
  const placeOf = createPagedMap<string>()
  const idAt = createPagedMap<string>()
  let count = 0
  return {
    add({ id, memberId, createdAt }) {
      const place = [createdAt, count++].map((part) => String(part).padStart(digits, '0')).join('.')
      placeOf.set(id, place)
      idAt.set(place, id)
      const places = placesOf.get(memberId) ?? []
      placesOf.set(memberId, places)
      places.splice(countBefore(places, place), 0, place)
    },
    remove({ id, memberId }) {
      const place = placeOf.get(id)
      const places = placesOf.get(memberId)
      if (place === undefined || !places) return
      placeOf.delete(id)
      idAt.delete(place)
      places.splice(countBefore(places, place), 1)
      if (places.length === 0) placesOf.delete(memberId)
    },
    countOf: (memberId) => placesOf.get(memberId)?.length ?? 0,
    *oldestFirst(memberId) {
      for (const place of placesOf.get(memberId) ?? []) yield idAt.get(place) ?? ''
    },
    *newestFirst(memberId, after) {
      const places = placesOf.get(memberId) ?? []
      let index = after === null ? places.length : countBefore(places, after)
      while (index > 0) {
        index -= 1
        const place = places[index] ?? ''
        yield { id: idAt.get(place) ?? '', place }
      }
    },
  }
}

/** Returns how many of the sorted texts are less than this one. */
function countBefore(sorted: readonly string[], text: string): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] ?? '') < text) low = middle + 1
    else high = middle
  }
  return low
}
