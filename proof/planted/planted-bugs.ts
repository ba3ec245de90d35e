import { boundBugs } from './bound-bugs.ts'
import { clientBugs } from './client-bugs.ts'
import { endedBugs } from './ended-bugs.ts'
import type { PlantedBug } from './planted-bug.ts'
import { quotaBugs } from './quota-bugs.ts'
import { sessionBugs } from './session-bugs.ts'

/** Every bug that the search must find. */
export const plantedBugs: readonly PlantedBug[] = [
  ...sessionBugs,
  ...boundBugs,
  ...endedBugs,
  ...quotaBugs,
  ...clientBugs,
]
