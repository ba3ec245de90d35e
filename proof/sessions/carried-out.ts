import type { SessionRow } from '../../packages/auth/src/sessions/session-store.ts'
import { confirm, copyOf, present } from '../../packages/auth/test/session-oracle.ts'
import { demand } from '../explore/world.ts'
import type { Call, Scene, StoreCall } from './scene.ts'

/** Tells the oracle of a call that the store has carried out, and checks what it wrote. */
export async function noteCarriedOut(scene: Scene, storeCall: StoreCall, result: unknown): Promise<void> {
  const { truth } = scene
  const old = scene.row
  scene.row = await scene.durable.row()
  if (scene.row !== old) {
    truth.before = copyOf(truth.oracle)
    truth.rotatedFromBefore = new Set(truth.rotatedFrom)
  }
  tellOracle(scene, storeCall, { result, fromGeneration: old.generation })
  noteEnd(scene, storeCall.cause)
  if (scene.row !== old) demandForward(old, scene)
}

interface Done {
  readonly result: unknown
  /** The generation that the store had before. */
  readonly fromGeneration: number
}

function tellOracle(
  scene: Scene,
  { method, cause, confirming, isBinding, args }: StoreCall,
  done: Done,
): void {
  if (method === 'read' && cause) learnByReading(scene, cause)
  if (method !== 'replace') return
  if (isBinding) return noteBinding(scene, cause, done)
  const isApplied = done.result === 'replaced'
  if (confirming && isApplied)
    confirm(scene.truth.oracle, confirming.generation, Math.floor(confirming.confirmedAt))
  if (!cause) return
  if (!isApplied) return learn(scene, cause)
  // The first argument of `replace` is the new row.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  noteRotation(scene, cause, args[0] as SessionRow, done)
}

/** The next decision is made on the session as it is now: a run that another caller has begun may be joined, though. */
function noteBinding(scene: Scene, cause: Call | undefined, done: Done): void {
  if (!cause) return
  if (done.result === 'replaced')
    demand(cause.proves || cause.kind === 'renew', 'a session is bound by a request that shows no key')
  learn(scene, cause)
}

function noteEnd({ row, truth, options }: Scene, cause: Call | undefined): void {
  if (row.endedAt === null || truth.oracle.endedAt !== null) return
  truth.oracle.endedAt = row.endedAt
  truth.isEnded = true
  if (!cause) return
  cause.hasEnded = true
  const mayEnd = !options.device || cause.proves || cause.read?.jkt == null || !cause.wasBound
  demand(mayEnd, 'a caller without the key ends a bound session')
}

/** A caller that joins another one's run has read the store only for the key of the session. */
function learnByReading(scene: Scene, call: Call): void {
  if (!call.leader) learn(scene, call)
}

function learn(scene: Scene, call: Call): void {
  call.basis = { oracle: copyOf(scene.truth.oracle), now: scene.now }
  call.turns++
  call.read = scene.row
}

function noteRotation(scene: Scene, call: Call, next: SessionRow, { fromGeneration }: Done): void {
  const { truth, options } = scene
  const { generation, lastUsedAt } = next
  demand(!truth.rotatedFrom.has(fromGeneration), `fork: two rotations from generation ${fromGeneration}`)
  demand(!truth.rotatedFrom.has(generation - 1), `fork: two rotations to generation ${generation}`)
  truth.rotatedFrom.add(generation - 1)
  demand(
    !options.device || next.jkt === null || call.proves,
    'a caller without the key rotates a bound session',
  )
  const expected = present(truth.oracle, call.generation, lastUsedAt, options, 'none')
  const isAllowed = expected.kind === 'served' && expected.generation === generation
  demand(isAllowed, `a rotation to generation ${generation} that the rules do not allow`)
  call.rotatedTo = generation
  learn(scene, call)
}

function isKeyOfTheTabs(keys: Scene['keys'], jkt: string): boolean {
  return keys === undefined || jkt === keys.jkt
}

function demandForward(old: SessionRow, { row, truth, keys }: Scene): void {
  demand(row.generation >= old.generation, 'a generation goes back')
  demand(row.generation === truth.oracle.generation, 'the store has another generation than was rotated to')
  const isSame = row.generation === old.generation
  demand(!isSame || old.confirmedAt === null || row.confirmedAt === old.confirmedAt, 'a confirmation changes')
  demand(old.jkt === null || row.jkt === old.jkt, 'a session loses its key')
  demand(row.jkt === null || isKeyOfTheTabs(keys, row.jkt), 'a session is bound to the key of another one')
  demand(old.endedAt === null || row.endedAt === old.endedAt, 'an ended session changes')
}
