import type { SessionWorldOptions } from './scene.ts'
import { usual } from './usual-world.ts'

/** A browser that has a key of its own, and sends the refresh token in a cookie. */
const device = {
  ...usual,
  transport: 'cookie',
  device: true,
  generations: 2,
  bounds: [],
} as const satisfies Partial<SessionWorldOptions>

/** The worlds of a browser that has a key. */
export const smallDeviceWorlds: readonly SessionWorldOptions[] = [
  {
    ...device,
    name: 'browser key',
    about:
      'A browser registers a key, a response is lost, and a thief copies its cookies at any moment, but not the key; either may sign out.',
    budget: { thefts: 1, lostResponses: 1, signOuts: 1 },
  },
  {
    ...device,
    name: 'browser key, two tabs',
    about: 'Two tabs without Web Locks of a browser that registers a key, and renews its cookie.',
    tabs: 2,
    hasLock: false,
    bounds: ['token kept'],
    budget: { waits: 1 },
  },
  {
    ...device,
    name: 'browser key, its cookie ends',
    about: 'A thief uses the cookies of a browser around the end of the one that shows its key.',
    bounds: ['shown'],
    hasUses: false,
    budget: { thefts: 1, waits: 2 },
  },
  {
    ...device,
    name: 'browser key, rotation',
    about: 'A browser that registers a key rotates its refresh token, beside a thief with its cookies.',
    bounds: ['token kept'],
    hasUses: false,
    budget: { thefts: 1, waits: 1, lostResponses: 1 },
  },
  {
    ...device,
    name: 'browser key, two instances',
    about: 'A browser that registers a key and a thief with its cookies, at two instances.',
    instances: 2,
    budget: { thefts: 1 },
  },
  {
    ...device,
    name: 'browser key, failover',
    about:
      'A browser that registers a key, and a thief with its cookies; the store loses its last write once.',
    budget: { thefts: 1, failovers: 1 },
  },
  {
    ...device,
    name: 'browser key, crash',
    about: 'A browser that registers a key; the instance crashes once, and a response is lost.',
    budget: { crashes: 1, lostResponses: 1 },
  },
]

/** Those that take minutes. */
export const largeDeviceWorlds: readonly SessionWorldOptions[] = [
  {
    ...device,
    name: 'large: browser key, its cookie ends',
    about:
      'A thief uses the cookies and access tokens of a browser around the end of the cookie that shows its key.',
    bounds: ['shown'],
    budget: { thefts: 1, waits: 1 },
  },
  {
    ...device,
    name: 'large: browser key, rotations',
    about: 'A browser that has registered a key rotates and renews, beside a thief with its cookies.',
    bounds: ['token kept', 'grace'],
    generations: 3,
    budget: { thefts: 1, waits: 2 },
  },
  {
    ...device,
    name: 'large: browser key, failover of a rotation',
    about: 'The store loses the last write of a browser that has registered a key, whatever it was.',
    bounds: ['token kept'],
    budget: { failovers: 1, waits: 1, lostResponses: 1 },
  },
]
