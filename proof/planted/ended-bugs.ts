import type { PlantedBug } from './planted-bug.ts'

const file = 'packages/auth/src/sessions/revocations.ts'
const epochsFile = 'packages/auth/src/sessions/epochs.ts'

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
  {
    name: 'an epoch that the store has lost stays lost',
    world: 'ended list, lost epoch',
    file,
    replace: '    await epochs.sync()\n',
    by: '',
  },
  {
    name: 'an earlier epoch replaces a later one in memory',
    world: 'ended list, everything',
    file: epochsFile,
    replace: 'known = Math.max(known, epoch)',
    by: 'known = epoch',
  },
  {
    name: 'the news of an epoch count as those of a session',
    world: 'ended list, everything',
    file: epochsFile,
    replace: 'if (announced && isGenuine(announced)) note(announced.epoch)',
    by: '',
  },
]
