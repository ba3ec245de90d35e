import type { World } from '../explore/world.ts'
import { createEndedWorld, type EndedWorldOptions } from './world.ts'

const small: readonly EndedWorldOptions[] = [
  {
    name: 'ended list',
    about: 'A process starts while others end sessions; the connection is cut once, and a reading fails.',
    ends: 2,
    cuts: 1,
    failures: 1,
    failovers: 0,
  },
  {
    name: 'ended list, failover',
    about: 'As above, and the store loses an end.',
    ends: 2,
    cuts: 0,
    failures: 1,
    failovers: 1,
  },
]

/** Creates the worlds of the list of ended sessions. */
export function createEndedWorlds(): readonly World[] {
  return small.map(createEndedWorld)
}
