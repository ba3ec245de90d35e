import { digest, replay, violationOf, type Exploration } from './explore.ts'
import type { Move, World } from './world.ts'

interface Node {
  readonly move: Move
  readonly before: Node | undefined
}

/** A state that was reached, the moves that go on from it, and the last one that led to it. */
interface Reached {
  readonly moves: readonly Move[]
  readonly node: Node | undefined
}

interface Search {
  readonly world: World
  readonly seen: Set<string>
  transitions: number
}

type Violated = NonNullable<Exploration['violation']>

/**
 * Searches breadth first, so that the history of a violation is a shortest one. It takes every history again from the
 * beginning for each of its continuations, which is slower than `explore` where nothing is found.
 */
export async function searchShortest(world: World): Promise<Exploration> {
  const first = await world.begin()
  const search: Search = { world, seen: new Set([digest(first.fingerprint())]), transitions: 0 }
  let level: Reached[] = [{ moves: first.moves(), node: undefined }]
  let depth = -1
  while (level.length > 0) {
    depth++
    const deeper: Reached[] = []
    for (const reached of level) {
      const violation = await expand(search, reached, deeper)
      if (violation) return { ...figuresOf(search), depth: violation.history.length, violation }
    }
    level = deeper
  }
  return { ...figuresOf(search), depth }
}

function figuresOf({ seen, transitions }: Search): Pick<Exploration, 'states' | 'transitions'> {
  return { states: seen.size, transitions }
}

/** Takes each move of a state. Adds the new states to `deeper`, or returns the first violation. */
async function expand(
  search: Search,
  { moves, node }: Reached,
  deeper: Reached[],
): Promise<Violated | undefined> {
  const history = historyOf(node)
  for (const move of moves) {
    const run = await replay(search.world, history)
    search.transitions++
    const rule = await violationOf(run, move)
    if (rule !== undefined) return { rule, history: [...history, move] }
    const state = digest(run.fingerprint())
    if (search.seen.has(state)) continue
    search.seen.add(state)
    deeper.push({ moves: run.moves(), node: { move, before: node } })
  }
  return undefined
}

function historyOf(last: Node | undefined): readonly Move[] {
  const history: Move[] = []
  for (let node = last; node; node = node.before) history.push(node.move)
  return history.toReversed()
}
