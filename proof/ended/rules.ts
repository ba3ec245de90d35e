import type { Revocations } from '../../packages/auth/src/sessions/revocations.ts'
import { untilQuiet } from '../explore/quiet.ts'
import { demand } from '../explore/world.ts'
import type { Scene } from './scene.ts'

/** Checks the rules of the list in the present state. */
export async function check(scene: Scene): Promise<void> {
  if (!scene.revocations) return
  checkKept(scene, scene.revocations)
  if (await isAtRest(scene)) checkAtRest(scene, scene.revocations)
}

/** What the process knows it does not forget. */
function checkKept(scene: Scene, revocations: Revocations): void {
  const { known, options, epochs } = scene
  for (let number = 1; number <= options.ends; number++) {
    const id = `session ${number}`
    if (revocations.isEnded(id)) known.add(id)
    else demand(!known.has(id), `the end of ${id} is forgotten`)
  }
  const epoch = epochs.current()
  demand(epoch >= scene.knownEpoch, 'an epoch is forgotten')
  scene.knownEpoch = epoch
  demand(revocations.isEnded('session of before', 0) === epoch > 0, 'a session of an earlier epoch goes on')
}

/** When all news have come, the process and the store know the same. */
function checkAtRest({ stored, known, epoch, epochs }: Scene, revocations: Revocations): void {
  for (const id of stored.keys()) demand(revocations.isEnded(id), `the end of ${id} is never known`)
  for (const id of known) demand(stored.has(id), `the end of ${id} is not written back`)
  const storedEpoch = epoch.current?.epoch ?? 0
  demand(storedEpoch <= epochs.current(), 'the end of everything is never known')
  demand(storedEpoch >= epochs.current(), 'the end of everything is not written back')
}

/** Returns true if nothing is on its way, and the next tick reads nothing either. */
async function isAtRest({ news, pending, isConnected, tick, revocations }: Scene): Promise<boolean> {
  if (news.length > 0 || pending.length > 0 || !isConnected || revocations?.state() !== 'known') return false
  tick?.()
  await untilQuiet()
  return pending.length === 0
}
