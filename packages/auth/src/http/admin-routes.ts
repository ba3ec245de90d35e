import { createHash, timingSafeEqual } from 'node:crypto'
import { failure } from '../base/failures.js'
import type { ListedSession, OperatorUseCases, SessionPageOptions } from '../sessions/index.js'
import { credentialsOf, readJsonObject, readToken, type AuthRequest } from './auth-request.js'
import { json, noContent } from './auth-response.js'
import type { Route } from './endpoints.js'

/**
 * Creates the routes of operators, below `/v1/admin`. Every request has to carry one of the keys as a bearer token.
 * @param keys - as they are configured; without one there are no routes
 */
export function createAdminRoutes(sessions: OperatorUseCases, keys: readonly string[]): readonly Route[] {
  if (keys.length === 0) return []
  const isKey = createKeyCheck(keys)
  const keyed = (route: Route): Route => ({
    ...route,
    answer: async (request, parameter, caller) => {
      const { authorization } = credentialsOf(request)
      const presented = readToken({ authorization, memberstackToken: undefined })
      if (presented === null) throw failure('adminKeyMissing')
      if (!isKey(presented)) throw failure('adminKeyInvalid')
      return await route.answer(request, parameter, caller)
    },
  })
  return [...memberRoutes(sessions), ...sessionRoutes(sessions)].map(keyed)
}

/** Compares digests, so that the time of a comparison says nothing about a key, not even its length. */
function createKeyCheck(keys: readonly string[]): (presented: string) => boolean {
  const digestOf = (text: string) => createHash('sha256').update(text).digest()
  const digests = keys.map(digestOf)
  return (presented) => {
    const digest = digestOf(presented)
    return digests.map((known) => timingSafeEqual(known, digest)).includes(true)
  }
}

const ofMember = '/members/:id/sessions'

function memberRoutes(sessions: OperatorUseCases): readonly Route[] {
  return [
    {
      method: 'GET',
      path: ofMember,
      answer: async (request, memberId) => {
        const page = await sessions.list(memberId, pageOf(request))
        return json(200, { ...page, sessions: page.sessions.map(withoutKey) })
      },
    },
    {
      method: 'DELETE',
      path: ofMember,
      answer: async ({ requestId }, memberId) =>
        json(200, { ended: await sessions.endAllOf(memberId, requestId) }),
    },
  ]
}

function sessionRoutes(sessions: OperatorUseCases): readonly Route[] {
  return [
    {
      method: 'DELETE',
      path: '/sessions/:id',
      async answer({ requestId }, sessionId) {
        if ((await sessions.end(sessionId, requestId)) === 'unknown') throw failure('sessionNotFound')
        return noContent()
      },
    },
    {
      method: 'DELETE',
      path: '/sessions',
      async answer(request) {
        const body = await readJsonObject(request)
        if (body?.['confirm'] !== 'all')
          throw failure('requestInvalid', { detail: 'the body must be {"confirm":"all"}' })
        return json(200, { ended: await sessions.endEverything(request.requestId) })
      },
    },
  ]
}

function withoutKey({ jkt: _jkt, ...session }: ListedSession): ListedSession {
  return session
}

/** An empty value counts as none. */
function pageOf({ query = '' }: AuthRequest): SessionPageOptions {
  const given = new URLSearchParams(query)
  const limit = given.get('limit')
  return { limit: limit ? toNumber(limit) : undefined, after: given.get('after') || null }
}

/** NaN for all but digits: `Number` reads more, such as `1e2` and spaces. */
function toNumber(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
}
