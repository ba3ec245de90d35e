import { setTimeout as sleep } from 'node:timers/promises'
import { send } from '../kit/http.ts'
import { pairOf, refreshRequest, signInRequest } from '../kit/requests.ts'
import { claimsOf } from '../kit/signer.ts'
import { extraPlan, requiredPlan, type Surroundings } from './surroundings.ts'

/** A member with one session, at an address of its own. */
export interface Member {
  readonly id: string
  readonly headers: Readonly<Record<string, string>>
  refreshToken: string
  accessToken: string
  /** Changed in Memberstack before each refresh, so that the new access token shows if it was read. */
  version: number
  hasExtraPlan: boolean
}

/** The answers to honest members. */
export interface Tally {
  readonly refreshes: { all: number; fresh: number; stale: number; unavailable: number; other: number }
  readonly signIns: { all: number; good: number; slowestMs: number }
  /** Plans that were added or removed while their webhook was lost. */
  readonly changes: { all: number; seen: number }
  /** Required plans that were lost, with a webhook. */
  readonly losses: { all: number; seen: number }
}

/** Creates an empty tally. */
export function createTally(): Tally {
  return {
    refreshes: { all: 0, fresh: 0, stale: 0, unavailable: 0, other: 0 },
    signIns: { all: 0, good: 0, slowestMs: 0 },
    changes: { all: 0, seen: 0 },
    losses: { all: 0, seen: 0 },
  }
}

/** Signs a member in. Returns false unless the answer is 201. */
export async function signIn(world: Surroundings, member: Member, { signIns }: Tally): Promise<boolean> {
  const { accessToken } = await world.emulator.issueTokens({ memberId: member.id })
  signIns.all += 1
  const startedAt = performance.now()
  const request = { ...signInRequest(accessToken), headers: member.headers }
  const answer = await send(world.port, request)
  if (answer.status !== 201) return false
  signIns.good += 1
  signIns.slowestMs = Math.max(signIns.slowestMs, performance.now() - startedAt)
  Object.assign(member, pairOf(201, answer))
  return true
}

/** Changes the member in Memberstack, a plan too if asked, while the webhook is lost. Then refreshes its session. */
export async function refresh(
  world: Surroundings,
  member: Member,
  tally: Tally,
  plan?: 'plan',
): Promise<void> {
  const { refreshes, changes } = tally
  member.version += 1
  if (plan) member.hasExtraPlan = !member.hasExtraPlan
  world.withoutWebhook(() => {
    world.emulator.updateMember(member.id, { customFields: { version: String(member.version) } })
    if (plan) world.emulator[member.hasExtraPlan ? 'addPlan' : 'removePlan'](member.id, extraPlan)
  })
  refreshes.all += 1
  if (plan) changes.all += 1
  const answer = await send(world.port, { ...refreshRequest(member.refreshToken), headers: member.headers })
  if (answer.status !== 200) {
    refreshes[answer.status === 503 ? 'unavailable' : 'other'] += 1
    return
  }
  Object.assign(member, pairOf(200, answer))
  const { customFields, roles } = claimsOf(member.accessToken)
  const isFresh = JSON.stringify(customFields) === JSON.stringify({ version: String(member.version) })
  refreshes[isFresh ? 'fresh' : 'stale'] += 1
  const hasRole = Array.isArray(roles) && roles.includes(extraPlan)
  if (plan && hasRole === member.hasExtraPlan) changes.seen += 1
}

/** Takes the required plan away, with a webhook, and waits until the session has ended, 5 s at most. Then the member signs in again. */
export async function losePlan(world: Surroundings, member: Member, tally: Tally): Promise<void> {
  const { losses } = tally
  losses.all += 1
  const { accessToken: token, headers } = member
  world.emulator.removePlan(member.id, requiredPlan)
  const endsAt = performance.now() + 5000
  while (performance.now() < endsAt) {
    const { status, body } = await send(world.port, { path: '/v1/auth/me', token, headers })
    if (status === 401 && body.includes('AUTH_TOKEN_REVOKED')) {
      losses.seen += 1
      break
    }
    await sleep(100)
  }
  world.withoutWebhook(() => world.emulator.addPlan(member.id, requiredPlan))
  await signIn(world, member, tally)
}
