import type { PlantedBug } from './planted-bug.ts'

const file = 'packages/auth/src/sessions/revocations.ts'

/** Bugs of the list of ended sessions. */
export const endedBugs: readonly PlantedBug[] = [
  {
    name: 'a gap that is reported during a reading causes no other reading',
    world: 'ended list',
    file,
    replace: '    done = goal',
    by: '    done = wanted',
  },
  {
    name: 'a reading that failed is not repeated',
    world: 'ended list',
    file,
    replace: '    const goal = wanted',
    by: '    const goal = wanted\n    done = goal',
  },
  {
    name: 'ends that the store has lost stay lost',
    world: 'ended list, failover',
    file,
    replace: 'if (missing.length > 0) await store.restoreEnded(missing)',
    by: '',
  },
  {
    name: 'watching begins after the first reading',
    world: 'ended list',
    file,
    replace: 'const stopWatching = store.watchEnded((news) => {',
    by: 'const watchLater = (listener: Parameters<typeof store.watchEnded>[0]) => (list.load().then(() => store.watchEnded(listener), () => {}), () => {})\n  const stopWatching = watchLater((news) => {',
  },
]
