import type { Move } from '../explore/world.ts'
import type { Call, Scene } from './scene.ts'

/** Lists a move for each instance, and for a refresh also with an admin API that fails. */
export function atInstances({ instances, budget }: Scene, move: Move, kind: Call['kind']): readonly Move[] {
  const direct = instances.map((_, at): Move => ({ ...move, at, text: `${move.text} at instance ${at}` }))
  if (budget.faults === 0 || kind !== 'refresh') return direct
  const faulty = direct.map((one): Move => ({
    ...one,
    fault: 'admin',
    text: `${one.text}, without an admin API`,
  }))
  return [...direct, ...faulty]
}
