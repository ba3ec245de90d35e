import { field } from '../base/json.js'
import { isMemberId } from '../base/formats.js'
import { createAdminAsk, type AdminAsk, type AdminAskOptions } from './admin-ask.js'
import type { AdminApi, AdminQuestionOptions, MemberReading, MemberTokenReading } from './member.js'
import { notUnderstood, troubleOf, type AdminAnswer, type AdminTrouble } from './admin-exchange.js'
import { memberFrom, memberTokenClaimsFrom, permissionsAndPlans, type MemberRules } from './member-shape.js'
import { createSingleFlight } from '../base/single-flight.js'

/** Options of {@link createAdminApi}. */
export type AdminApiOptions = AdminAskOptions & Partial<MemberRules>

/**
 * Creates the client of the Memberstack admin API. A member is deleted only if the API says so: `{"data": null}`, or a
 * refusal that names an unknown member. Everything that is no clear answer, a refused secret key included, is `unavailable`
 * and reported to telemetry.
 * @throws TypeError if the URL or the key cannot be used
 */
export function createAdminApi(options: AdminApiOptions): AdminApi {
  const { rolesOf = permissionsAndPlans, requiredPlans = [] } = options
  const admin = createAdminAsk(options)
  const readings = createInFlight<MemberReading>()
  const verifications = createInFlight<MemberTokenReading>()

  return {
    async readMember(memberId, asking) {
      if (!isMemberId(memberId)) return { kind: 'deleted' }
      const run = (placed: () => void) =>
        readMember(memberId, { admin, rolesOf, requiredPlans, asking, placed })
      if (asking.joins === 'none') return await run(() => {})
      return await readings.share(memberId, patienceOf(asking), run)
    },
    verifyMemberToken: (token, asking) =>
      verifications.share(token, patienceOf(asking), (placed) =>
        verifyToken(token, { admin, asking, placed }),
      ),
  }
}

/** A refresh never waits in the lane of a sign-in that asks the same. */
function patienceOf({ waitSeconds, caller }: AdminQuestionOptions): string {
  return `${waitSeconds} ${caller?.lane ?? ''}`
}

interface Asking {
  readonly admin: AdminAsk
  readonly asking: AdminQuestionOptions
  readonly placed: () => void
}

async function readMember(memberId: string, options: Asking & MemberRules): Promise<MemberReading> {
  const { admin, asking, placed } = options
  const path = `members/${encodeURIComponent(memberId)}`
  const answer = await admin.ask({ method: 'GET', path }, asking, placed)
  if (answer.kind === 'unavailable') return answer
  const reading = memberReadingOf(answer, memberId, options)
  if (reading.kind === 'trouble') return admin.giveUp(asking, reading)
  admin.answered()
  return reading
}

function memberReadingOf(
  answer: AdminAnswer,
  memberId: string,
  rules: MemberRules,
): MemberReading | AdminTrouble {
  if (answer.refusal) {
    if (isUnknownMember(answer)) return { kind: 'deleted' }
    return answer.status === 400 ? notUnderstood : troubleOf(answer.status)
  }
  const data = field(answer.json, 'data')
  if (data === null) return { kind: 'deleted' }
  const member = memberFrom(data, memberId, rules)
  return member ? { kind: 'found', member, readAt: answer.askedAt } : notUnderstood
}

/** The message of an unknown member in older documents, whose code is general. */
const noSuchMember = /^there is no member with this identifier\.?$/i

function isUnknownMember({ status, refusal }: AdminAnswer): boolean {
  if (status !== 404 && status !== 400) return false
  return refusal?.code === 'member-not-found' || noSuchMember.test(refusal?.message ?? '')
}

async function verifyToken(token: string, { admin, asking, placed }: Asking): Promise<MemberTokenReading> {
  const body = JSON.stringify({ token })
  const answer = await admin.ask({ method: 'POST', path: 'members/verify-token', body }, asking, placed)
  if (answer.kind === 'unavailable') return answer
  if (answer.refusal && !isTokenRefused(answer)) return admin.giveUp(asking, troubleOf(answer.status))
  const claims = answer.refusal ? null : memberTokenClaimsFrom(field(answer.json, 'data'))
  if (!answer.refusal && !claims) return admin.giveUp(asking)
  admin.answered()
  return claims ? { kind: 'verified', claims } : { kind: 'refused' }
}

/**
 * The token is all that varies in this question. So a 400 of the API is about the token if it has a code, or a message that
 * names the token, and so is its own code at any status.
 */
function isTokenRefused(answer: AdminAnswer): boolean {
  const { code, message } = answer.refusal ?? { code: null, message: null }
  if (code === 'invalid-token' || isUnknownMember(answer)) return true
  return answer.status === 400 && (code !== null || /\b(token|jwt)\b/i.test(message ?? ''))
}

/** Work under way that later callers with the same question may share. */
export interface InFlight<T> {
  /**
   * Joins the work under way for this key, or starts it. `run` calls `placed` when the work has its place in the quota.
   * Before that, only callers with the same `patience` share it (how long they wait, and in which lane), so that no caller
   * waits longer than it wants, or gives up sooner.
   */
  share(key: string, patience: number | string, run: (placed: () => void) => Promise<T>): Promise<T>
}

/** Creates an {@link InFlight}. Nothing is kept once the work has settled. */
export function createInFlight<T>(): InFlight<T> {
  const waiting = createSingleFlight<T>()
  const placed = createSingleFlight<T>()
  return {
    share(key, patience, run) {
      const inPlace = placed.current(key)
      if (inPlace) return inPlace
      const waitingKey = `${patience} ${key}`
      const started = waiting.run(waitingKey, () =>
        run(() => {
          const current = waiting.current(waitingKey)
          if (current) placed.run(key, () => current).result.catch(() => {})
        }),
      )
      return started.result
    },
  }
}
