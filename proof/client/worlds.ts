import type { World } from '../explore/world.ts'
import type { ClientWorldOptions } from './scene.ts'
import { createTabWorlds } from './world.ts'

const usual = {
  tabs: 2,
  hasLocks: true,
  hasDisk: true,
  graceSeconds: 120,
  isFine: false,
} as const satisfies Partial<ClientWorldOptions>

const bothRefresh = [
  { tab: 0, kind: 'refresh' },
  { tab: 1, kind: 'refresh' },
] as const
const withoutSharing = { hasLocks: false, hasDisk: false } as const

const small: readonly ClientWorldOptions[] = [
  {
    ...usual,
    name: 'tabs, refreshes',
    about: 'Two tabs refresh at once; an answer is lost.',
    isFine: true,
    acts: bothRefresh,
    budget: { losses: 1 },
  },
  {
    ...usual,
    ...withoutSharing,
    name: 'tabs, no locks',
    about: 'Two tabs without Web Locks and IndexedDB refresh at once; an answer is lost.',
    acts: bothRefresh,
    budget: { losses: 1 },
  },
  {
    ...usual,
    name: 'tabs, killed',
    about: 'One of two tabs that refresh is killed, at any step.',
    isFine: true,
    acts: bothRefresh,
    budget: { kills: 1 },
  },
  {
    ...usual,
    name: 'tabs, opened again',
    about: 'A tab is killed while it refreshes. Another one is opened, and refreshes.',
    tabs: 1,
    isFine: true,
    acts: bothRefresh,
    budget: { kills: 1, opens: 1 },
  },
  {
    ...usual,
    name: 'tabs, sign-out',
    about: 'A tab signs out while the other one refreshes.',
    acts: [
      { tab: 0, kind: 'sign out' },
      { tab: 1, kind: 'refresh' },
    ],
    budget: {},
  },
  {
    ...usual,
    ...withoutSharing,
    name: 'tabs, sign-out and kill',
    about:
      'A tab without Web Locks and IndexedDB signs out while the other one refreshes; one of them is killed.',
    acts: [
      { tab: 0, kind: 'sign out' },
      { tab: 1, kind: 'refresh' },
    ],
    budget: { kills: 1 },
  },
  {
    ...usual,
    name: 'tabs, other member',
    about: 'Bob signs in in a tab while the other one refreshes the session of Ada, and uses it.',
    acts: [
      { tab: 0, kind: 'sign in as Bob' },
      { tab: 1, kind: 'refresh' },
      { tab: 1, kind: 'use' },
    ],
    budget: {},
  },
]

const large: readonly ClientWorldOptions[] = [
  {
    ...usual,
    name: 'tabs, late answers',
    about:
      'Two tabs refresh; an answer, or the tab that holds the lock, can be late for longer than the other one waits.',
    acts: bothRefresh,
    budget: { waits: 1 },
  },
  {
    ...usual,
    name: 'tabs, sign-out, every step',
    about: 'A tab signs out while the other one refreshes; the lock and the disk take steps of their own.',
    isFine: true,
    acts: [
      { tab: 0, kind: 'sign out' },
      { tab: 1, kind: 'refresh' },
    ],
    budget: { losses: 1 },
  },
  {
    ...usual,
    name: 'tabs, other member, every step',
    about:
      'Bob signs in in a tab while the other one refreshes the session of Ada; each step is one of its own.',
    isFine: true,
    acts: [
      { tab: 0, kind: 'sign in as Bob' },
      { tab: 1, kind: 'refresh' },
      { tab: 1, kind: 'use' },
    ],
    budget: {},
  },
  {
    ...usual,
    name: 'tabs, sign-out and sign-in',
    about: 'A tab signs out, and Bob signs in in the other one, which then is killed or not.',
    acts: [
      { tab: 0, kind: 'sign out' },
      { tab: 1, kind: 'sign in as Bob' },
      { tab: 0, kind: 'use' },
    ],
    budget: { kills: 1 },
  },
]

/** Creates the worlds of the browser client. */
export function createClientWorlds(size: 'small' | 'large'): readonly World[] {
  return createTabWorlds(size === 'small' ? small : [...small, ...large])
}
