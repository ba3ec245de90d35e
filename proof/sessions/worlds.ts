import type { World } from '../explore/world.ts'
import { createSessionWorld } from './run.ts'
import { largeDeviceWorlds, smallDeviceWorlds } from './device-worlds.ts'
import type { SessionWorldOptions } from './scene.ts'
import { usual } from './usual-world.ts'

const small: readonly SessionWorldOptions[] = [
  {
    ...usual,
    name: 'lost responses',
    about: 'One tab, whose responses are lost twice; confirmations are late.',
    budget: { lostResponses: 2, waits: 2 },
  },
  {
    ...usual,
    name: 'crash',
    about: 'One tab; the instance crashes once, a response is lost, and a confirmation with them.',
    generations: 3,
    budget: { lostResponses: 1, crashes: 1, waits: 2 },
  },
  {
    ...usual,
    name: 'two tabs',
    about: 'Two tabs of one storage without Web Locks; a response is lost; requests take their time.',
    tabs: 2,
    hasLock: false,
    generations: 3,
    budget: { lostResponses: 1, waits: 1 },
  },
  {
    ...usual,
    name: 'two storages',
    about: 'Two tabs that do not share their storage, as after a restored backup.',
    tabs: 2,
    storage: 'own',
    budget: { waits: 1 },
  },
  {
    ...usual,
    name: 'thief',
    about: 'One tab, and a thief who copies its storage at any moment.',
    generations: 3,
    budget: { thefts: 1, waits: 2 },
  },
  {
    ...usual,
    name: 'no grace',
    about: 'A tab and a thief, with a grace of 0 seconds.',
    graceSeconds: 0,
    bounds: ['second'],
    generations: 3,
    budget: { thefts: 1, waits: 1 },
  },
  {
    ...usual,
    name: 'faults',
    about: 'A tab, a lost response, and a store, an admin API or a signature that fails once.',
    generations: 3,
    budget: { faults: 1, waits: 1, lostResponses: 1 },
  },
  {
    ...usual,
    name: 'two instances',
    about: 'A tab and a thief at two instances of the service; news of ended sessions take their time.',
    instances: 2,
    generations: 2,
    budget: { thefts: 1 },
  },
  {
    ...usual,
    name: 'storages and instances',
    about: 'Two tabs that do not share their storage, at two instances.',
    tabs: 2,
    storage: 'own',
    instances: 2,
    generations: 3,
    budget: {},
  },
  {
    ...usual,
    name: 'sign-out at two instances',
    about: 'A tab and a thief at two instances; the tab signs out while refreshes are under way.',
    instances: 2,
    generations: 2,
    budget: { thefts: 1, signOuts: 1 },
  },
  {
    ...usual,
    name: 'uses at two instances',
    about: 'A tab that uses its access tokens at two instances, which note each use for themselves.',
    instances: 2,
    generations: 2,
    budget: { waits: 2 },
  },
  {
    ...usual,
    name: 'failover',
    about: 'A tab and a thief; the store loses its last write once, whatever it was; the tab may sign out.',
    generations: 2,
    budget: { thefts: 1, failovers: 1, signOuts: 1 },
  },
  {
    ...usual,
    name: 'failover of a rotation',
    about: 'One tab; the store loses its last write once, and a response is lost.',
    generations: 3,
    budget: { failovers: 1, waits: 1, lostResponses: 1 },
  },
  {
    ...usual,
    name: 'sleep after a failover',
    about: 'A tab sleeps for as long as a session may be idle after the store lost its last write.',
    bounds: ['idle', 'grace'],
    generations: 3,
    budget: { failovers: 1, waits: 1 },
  },
  {
    ...usual,
    name: 'sign-out',
    about: 'Two tabs and a thief; one of the tabs signs out while refreshes are under way.',
    tabs: 2,
    hasLock: false,
    generations: 2,
    bounds: ['grace'],
    budget: { thefts: 1, signOuts: 1 },
  },
  {
    ...usual,
    name: 'sign-out everywhere',
    about: 'A tab and a thief; the tab signs out everywhere, and a call of the store may fail.',
    generations: 2,
    signsOut: 'everywhere',
    budget: { thefts: 1, signOuts: 1, faults: 1 },
  },
  {
    ...usual,
    name: 'bounds',
    about: 'A tab and a thief around the idle time and the largest age of a session.',
    bounds: ['idle', 'max'],
    generations: 3,
    idleSeconds: 700_000,
    budget: { thefts: 1, waits: 2 },
  },
  {
    ...usual,
    name: 'kept answers',
    about: 'Two tabs around the time for which an instance repeats its last answer.',
    tabs: 2,
    hasLock: false,
    generations: 3,
    bounds: ['answer kept'],
    budget: { waits: 1, lostResponses: 1 },
  },
  {
    ...usual,
    name: 'cookie',
    about: 'A tab and a thief with cookies, whose refresh token stays for a while after each rotation.',
    transport: 'cookie',
    bounds: ['grace', 'token kept'],
    generations: 3,
    budget: { thefts: 1, waits: 2 },
  },
  {
    ...usual,
    name: 'stopped',
    about:
      'A tab with cookies at an instance that is stopped for hours, in the middle of a refresh too; a response is lost.',
    transport: 'cookie',
    bounds: ['token kept', 'token ended'],
    generations: 3,
    isStopped: true,
    budget: { lostResponses: 1, waits: 3 },
  },
  {
    ...usual,
    name: 'bound',
    about:
      'A tab with a key, and a thief who copies its storage but not the key; a response is lost, and either may sign out.',
    key: 'refresh',
    generations: 3,
    budget: { thefts: 1, lostResponses: 1, signOuts: 1, waits: 1 },
  },
  {
    ...usual,
    name: 'bound at two instances',
    about: 'A tab and a thief without the key at two instances; the access tokens are bound too.',
    key: 'all',
    instances: 2,
    generations: 2,
    budget: { thefts: 1, signOuts: 1 },
  },
  {
    ...usual,
    name: 'every step',
    about:
      'A tab and a thief, with the arrival and each reading as steps of their own; the tab may sign out.',
    isFine: true,
    generations: 2,
    budget: { thefts: 1, signOuts: 1 },
  },
]

const large: readonly SessionWorldOptions[] = [
  {
    ...usual,
    name: 'large: thief',
    about: 'A tab and a thief over four generations; a response is lost.',
    budget: { thefts: 1, lostResponses: 1, waits: 2 },
  },
  {
    ...usual,
    name: 'large: crash',
    about: 'A tab and a thief; the instance crashes once, and two responses are lost.',
    generations: 3,
    budget: { thefts: 1, lostResponses: 2, crashes: 1, waits: 1 },
  },
  {
    ...usual,
    name: 'large: two storages',
    about: 'Two tabs that do not share their storage; a response is lost.',
    tabs: 2,
    storage: 'own',
    budget: { lostResponses: 1, waits: 2 },
  },
  {
    ...usual,
    name: 'large: two instances',
    about: 'A tab and a thief at two instances, over three generations.',
    instances: 2,
    generations: 3,
    budget: { thefts: 1, waits: 1 },
  },
  {
    ...usual,
    name: 'large: failover',
    about:
      'A tab and a thief over three generations; the store loses its last write, and the tab may sign out.',
    generations: 3,
    budget: { thefts: 1, failovers: 1, waits: 1, signOuts: 1 },
  },
]

/** Creates the worlds of sessions, in the order of the list. */
export function createSessionWorlds(size: 'small' | 'large'): readonly World[] {
  const all = [...small, ...smallDeviceWorlds]
  return (size === 'small' ? all : [...all, ...large, ...largeDeviceWorlds]).map(createSessionWorld)
}
