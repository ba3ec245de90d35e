import type { EndedSession } from '../sessions/index.js'

/** The time for which an ended session is remembered, in seconds: longer than any access token lives. */
export const endedKeptSeconds: number = 2 * 3600

/** The time for which a refusal of a member's earlier sign-ins is kept, in seconds: longer than any member JWT lives. */
export const signInCutoffKeptSeconds: number = 400 * 86_400

/** The most sessions of one member that end in one step because the member has too many. */
export const supersededAtOnce: number = 500

/** The message to a listener of `watchEnded`. */
export type EndedNews = readonly EndedSession[] | 'resync'

/** Passes ended sessions to the listeners of this process. */
export interface EndedFeed {
  publish(news: EndedNews): void
  subscribe(listener: (news: EndedNews) => void): () => void
}

/** Creates a feed without listeners. */
export function createEndedFeed(): EndedFeed {
  const listeners = new Set<(news: EndedNews) => void>()
  return {
    publish(news) {
      if (news.length === 0) return
      for (const listener of listeners) listener(news)
    },
    subscribe(listener) {
      // A wrapper, so that a function that subscribes twice is called twice and leaves once.
      const entry = (news: EndedNews) => listener(news)
      listeners.add(entry)
      return () => {
        listeners.delete(entry)
      }
    },
  }
}
