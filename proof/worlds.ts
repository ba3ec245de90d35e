import { createClientWorlds } from './client/worlds.ts'
import { createEndedWorlds } from './ended/worlds.ts'
import type { World } from './explore/world.ts'
import { createQuotaWorlds } from './quota/worlds.ts'
import { createSessionWorlds } from './sessions/worlds.ts'

/** Creates the worlds. The large ones take minutes to hours and are explored on demand. */
export function createWorlds(size: 'small' | 'large'): readonly World[] {
  return [
    ...createSessionWorlds(size),
    ...createEndedWorlds(),
    ...createQuotaWorlds(),
    ...createClientWorlds(size),
  ]
}
