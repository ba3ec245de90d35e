import type { EndedSession } from '../sessions/index.js'

/** What a listener of the revocation feed is told. */
export type EndedNews = readonly EndedSession[] | 'resync'

/** Hands news of ended sessions to everyone who listens in this process. */
export interface EndedFeed {
  tell(news: EndedNews): void
  watch(listener: (news: EndedNews) => void): () => void
}

/** A feed with no listeners yet. */
export function createEndedFeed(): EndedFeed {
  const listeners = new Set<(news: EndedNews) => void>()
  return {
    tell(news) {
      if (news.length === 0) return
      for (const listener of listeners) listener(news)
    },
    watch(listener) {
      // A wrapper of its own, so that one function watching twice is told twice and leaves once.
      const entry = (news: EndedNews) => listener(news)
      listeners.add(entry)
      return () => {
        listeners.delete(entry)
      }
    },
  }
}
