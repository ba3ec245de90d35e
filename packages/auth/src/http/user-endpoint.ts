import { createBoundedMap } from '../base/bounded-map.js'
import { failure } from '../base/failures.js'
import type { MemberstackUser } from '../base/formats.js'
import { HttpFailure, type HttpClient } from '../base/http-client.js'
import { isJsonObject, isStringList, parseJsonObject } from '../base/json.js'
import type { Clock } from '../base/time.js'
import { createUserContext, type MemberReading } from '../members/index.js'
import type { UserSource } from './authenticate.js'

/** Options of {@link createEndpointUsers}. */
export interface EndpointUsersOptions {
  /** The address of `GET /v1/auth/me`. */
  readonly url: string
  readonly httpClient: HttpClient
  readonly clock: Clock
}

const timeoutSeconds = 5
const maxBodyBytes = 1024 * 1024
const keepSeconds = { cacheSeconds: 300, staleSeconds: 3600 } as const

/**
 * Creates a source of users for a process without the admin API. A token that lacks fields, because it would have been too long with
 * them, is presented to the service's own `GET /v1/auth/me`. The answer is kept for 300 s, and for an hour while the service is away.
 */
export function createEndpointUsers(options: EndpointUsersOptions): UserSource {
  const presented = createBoundedMap<string>(10_000)
  const readMember = async (memberId: string): Promise<MemberReading> => {
    const accessToken = presented.get(memberId)
    if (accessToken === undefined) throw failure('userContextUnknown')
    return await readUser(accessToken, options)
  }
  const users = createUserContext({ admin: { readMember }, clock: options.clock, ...keepSeconds })
  return {
    userOf(token, compact) {
      const isWhole = token.user !== null && token.userFrom === null
      if (!isWhole) presented.set(token.memberId, compact)
      return users.userOf(token)
    },
  }
}

async function readUser(
  accessToken: string,
  { url, httpClient, clock }: EndpointUsersOptions,
): Promise<MemberReading> {
  const readAt = clock()
  const headers = { authorization: `Bearer ${accessToken}`, accept: 'application/json' }
  try {
    const { status, body } = await httpClient({ method: 'GET', url, headers, timeoutSeconds, maxBodyBytes })
    // Not remembered for the member, since another token of the same member may be good.
    if (status === 401) throw failure('userContextUnknown')
    const user = status === 200 && userIn(parseJsonObject(body))
    if (user) return { kind: 'found', member: { ...user, activePlanIds: [] }, readAt }
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error
  }
  return { kind: 'unavailable', retryAfterSeconds: 1 }
}

function userIn(answer: ReturnType<typeof parseJsonObject>): MemberstackUser | null {
  const { userId, email, roles, customFields } = answer ?? {}
  if (typeof userId !== 'string' || typeof email !== 'string') return null
  return isStringList(roles) && isJsonObject(customFields) ? { userId, email, roles, customFields } : null
}
