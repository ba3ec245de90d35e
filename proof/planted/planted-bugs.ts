import { boundBugs } from './bound-bugs.ts'
import { clientBugs } from './client-bugs.ts'
import { deviceBugs } from './device-bugs.ts'
import { endedBugs } from './ended-bugs.ts'
import type { PlantedBug } from './planted-bug.ts'
import { quotaBugs } from './quota-bugs.ts'
import { sessionBugs } from './session-bugs.ts'

/** Every bug that the search must find. */
export const plantedBugs: readonly PlantedBug[] = [
  ...sessionBugs,
  ...boundBugs,
  ...deviceBugs,
  ...endedBugs,
  ...quotaBugs,
  ...clientBugs,
]
