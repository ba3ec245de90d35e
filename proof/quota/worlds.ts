import type { QuotaCaller } from '../../packages/auth/src/members/admin-quota.ts'
import type { World } from '../explore/world.ts'
import type { Lane, QuotaWorldOptions } from './scene.ts'
import { createQuotaWorld } from './world.ts'

const callersOf = (lane: Lane, ...keys: readonly string[]): readonly QuotaCaller[] =>
  keys.map((key) => ({ lane, key }))
const refreshes = (count: number) => callersOf('renewal', ...Array.from({ length: count }, () => ''))

const usual = {
  perSecond: 4,
  waits: 2,
  halves: 0,
  pauses: 0,
  setBacks: 0,
  maxWaiting: 1000,
  waitSeconds: { renewal: 1, others: 5 },
} as const satisfies Partial<QuotaWorldOptions>

const small: readonly QuotaWorldOptions[] = [
  {
    ...usual,
    name: 'quota, flood of sign-ins',
    about: 'Four strangers of two addresses want places while three sessions are refreshed.',
    callers: [...callersOf('stranger', 'a', 'a', 'a', 'b'), ...refreshes(3)],
  },
  {
    ...usual,
    name: 'quota, flood of refreshes',
    about: 'Six sessions are refreshed while a member and a stranger sign in.',
    callers: [...refreshes(6), ...callersOf('member', 'm'), ...callersOf('stranger', 'a')],
  },
  {
    ...usual,
    name: 'quota, turns of lanes',
    about: 'Members sign in for ever beside a stranger; the quota has two places, one of them reserved.',
    perSecond: 2,
    waits: 6,
    callers: [...callersOf('member', 'm', 'm', 'm', 'm', 'm', 'm'), ...callersOf('stranger', 'a', 'a')],
    waitSeconds: { renewal: 1, others: 30 },
  },
  {
    ...usual,
    name: 'quota, pause',
    about: 'The admin API asks for a pause, the clock is set back, and callers come at half seconds.',
    perSecond: 2,
    halves: 1,
    pauses: 1,
    setBacks: 1,
    callers: [...refreshes(1), ...callersOf('stranger', 'a', 'a', 'a')],
  },
  {
    ...usual,
    name: 'quota, full queue',
    about: 'More callers wait than the queue has room for.',
    perSecond: 2,
    maxWaiting: 1,
    callers: [...refreshes(3), ...callersOf('stranger', 'a', 'a', 'b')],
  },
]

/** Creates the worlds of the admin quota. */
export function createQuotaWorlds(): readonly World[] {
  return small.map(createQuotaWorld)
}
