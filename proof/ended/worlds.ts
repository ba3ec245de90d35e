import type { World } from '../explore/world.ts'
import type { EndedWorldOptions } from './scene.ts'
import { createEndedWorld } from './world.ts'

const small: readonly EndedWorldOptions[] = [
  {
    name: 'ended list',
    about: 'A process starts while others end sessions; the connection is cut once, and a reading fails.',
    ends: 2,
    cuts: 1,
    failures: 1,
    failovers: 0,
    everythings: 0,
  },
  {
    name: 'ended list, failover',
    about: 'As above, and the store loses an end.',
    ends: 2,
    cuts: 0,
    failures: 1,
    failovers: 1,
    everythings: 0,
  },
  {
    name: 'ended list, everything',
    about: 'Another process ends everything twice, the connection is cut once, and a call fails.',
    ends: 0,
    cuts: 1,
    failures: 1,
    failovers: 0,
    everythings: 2,
  },
  {
    name: 'ended list, lost epoch',
    about: 'Another process ends a session and everything; the store loses the later write.',
    ends: 1,
    cuts: 0,
    failures: 0,
    failovers: 1,
    everythings: 1,
  },
]

/** Creates the worlds of the list of ended sessions. */
export function createEndedWorlds(): readonly World[] {
  return small.map(createEndedWorld)
}
