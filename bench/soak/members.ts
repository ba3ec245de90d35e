import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer, Request } from '../kit/http.ts'
import { refreshRequest } from '../kit/requests.ts'
import type { SeededSession } from '../kit/sessions.ts'
import { claimsOf } from '../kit/signer.ts'

/** An honest browser with one session. */
interface Member {
  readonly memberId: string
  readonly headers: Readonly<Record<string, string>>
  refreshToken: string
  /** Null before the first refresh. */
  accessToken: string | null
  isRefreshing: boolean
}

/** The answers to the members. */
export interface Tally {
  readonly refreshes: RecordableHistogram
  readonly protectedRequests: RecordableHistogram
  /** Refreshes whose answer was lost on its way, so that the same token was presented again. */
  lost: number
  /** Requests that were sent again because nothing came back, or a retryable error. */
  unanswered: number
  /** Refusals of sessions that nobody has ended. */
  readonly losses: string[]
  /** Answers with data of another member. */
  readonly foreign: string[]
}

/** The members, and what they do. `dueAt` is the instant from which the time to the answer counts. */
export interface Members {
  readonly tally: Tally
  /** Refreshes the session whose turn it is, and retries until there is an answer. */
  readonly refreshNext: (dueAt: number) => Promise<void>
  /** Sends one protected request of a random member who has an access token. */
  readonly askMe: (dueAt: number) => Promise<void>
  /** Returns the newest refresh token of each session, in the order of the sessions. */
  refreshTokens(): readonly string[]
}

/** The other side of the members. */
export interface MembersOptions {
  /** Sends one request to an instance; the next call goes to the next instance. */
  readonly send: (request: Request) => Promise<Answer>
  readonly loseOneIn: number
  /** `faults`: a thief presents a refresh token that is long rotated out, and some requests carry the token of another member. */
  readonly plant: 'none' | 'faults'
}

/** Creates the members of these sessions. Each has an address of its own. */
export function createMembers(seeded: readonly SeededSession[], options: MembersOptions): Members {
  const members = seeded.map(({ memberId, refreshToken }, index): Member => {
    const address = `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`
    const headers = { 'X-Forwarded-For': address }
    return { memberId, headers, refreshToken, accessToken: null, isRefreshing: false }
  })
  const ready: Member[] = []
  const tally: Tally = {
    refreshes: createTimes(),
    protectedRequests: createTimes(),
    lost: 0,
    unanswered: 0,
    losses: [],
    foreign: [],
  }
  const persist = createPersistence(options, tally)
  const refresh = createRefresh({ ...options, persist, tally })
  let turn = 0
  let asked = 0
  return {
    tally,
    async refreshNext(dueAt) {
      const member = nextOf(members, () => turn++)
      const isFirst = member.accessToken === null
      member.isRefreshing = true
      await refresh(member, dueAt)
      member.isRefreshing = false
      if (isFirst && member.accessToken !== null) ready.push(member)
    },
    async askMe(dueAt) {
      const member = ready[Math.floor(Math.random() * ready.length)]
      if (member?.accessToken == null) return
      const mixedUp = options.plant === 'faults' && ++asked % 20 === 0 ? ready[0] : undefined
      const token = (mixedUp ?? member).accessToken ?? undefined
      const { status, body } = await persist({ path: '/me', token })
      if (status !== 200) tally.losses.push(`${member.memberId}: GET /me was answered ${status} ${body}`)
      else if (body !== JSON.stringify({ id: member.memberId }))
        tally.foreign.push(`${member.memberId}: ${body}`)
      else record(tally.protectedRequests, dueAt)
    },
    refreshTokens: () => members.map(({ refreshToken }) => refreshToken),
  }
}

/** A session is refreshed by one tab at a time. */
function nextOf(members: readonly Member[], turn: () => number): Member {
  for (let tried = 0; tried < members.length; tried += 1) {
    const member = members[turn() % members.length]
    if (member && !member.isRefreshing) return member
  }
  throw new Error('no figure from errors: a refresh of every session is under way')
}

const pauseMs = 50

/** Sends a request until it is answered: at once to the next instance, then after pauses. An error that is not retryable is an answer. */
function createPersistence({ send }: MembersOptions, tally: Tally) {
  return async (request: Request): Promise<Answer> => {
    for (let tried = 0; ; tried += 1) {
      if (tried > 1) await sleep(pauseMs)
      const answer = await send(request).catch(() => null)
      if (answer && !answer.body.includes('"retryable":true')) return answer
      tally.unanswered += 1
    }
  }
}

function createRefresh({
  persist,
  tally,
  loseOneIn,
  plant,
}: MembersOptions & { readonly persist: (request: Request) => Promise<Answer>; readonly tally: Tally }) {
  let count = 0
  /** A token of the first generation, which its member has not any more when the thief presents it. */
  let stolen: { readonly member: Member; readonly token: string } | undefined
  return async (member: Member, dueAt: number): Promise<void> => {
    const presented = member.refreshToken
    const present = () => persist({ ...refreshRequest(presented), headers: member.headers })
    let answer = await present()
    count += 1
    if (count % loseOneIn === 0) {
      tally.lost += 1
      answer = await present()
    }
    if (!accept(answer, member, tally)) return
    record(tally.refreshes, dueAt)
    if (plant !== 'faults') return
    if (!stolen) stolen = { member, token: presented }
    else if (stolen.member === member)
      await persist({ ...refreshRequest(stolen.token), headers: { 'X-Forwarded-For': '192.0.2.1' } })
  }
}

/** Keeps the tokens of an answer. Returns false if it is not the right one. */
function accept({ status, body }: Answer, member: Member, { losses, foreign }: Tally): boolean {
  const { accessToken, refreshToken }: Partial<Record<string, string>> =
    status === 200 ? JSON.parse(body) : {}
  if (accessToken === undefined || refreshToken === undefined) {
    losses.push(`${member.memberId}: a refresh was answered ${status} ${body}`)
    return false
  }
  const subject = claimsOf(accessToken)['sub']
  if (subject !== member.memberId) foreign.push(`${member.memberId}: an access token of ${String(subject)}`)
  Object.assign(member, { accessToken, refreshToken })
  return subject === member.memberId
}

/** Times in microseconds, to three digits. */
function createTimes(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: 600_000_000, figures: 3 })
}

function record(times: RecordableHistogram, dueAt: number): void {
  times.record(Math.max(1, Math.round((performance.now() - dueAt) * 1000)))
}
