import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Violation, type Move, type Run, type World } from './world.ts'

/** The result of exploring a world. */
export interface Exploration {
  /** Different states, the first one included. */
  readonly states: number
  /** Moves taken from a state, each of them once. */
  readonly transitions: number
  /** The length of the longest history that was followed. */
  readonly depth: number
  /** A history that ends in a violation, if there is one. The search ends at the first. */
  readonly violation?: { readonly rule: string; readonly history: readonly Move[] }
}

/** The bounds of a search. @defaultValue none */
export interface SearchOptions {
  /** Stops with an error if there are more states: a world that is too large would run for hours. */
  readonly largestStates?: number
}

interface Frame {
  readonly moves: readonly Move[]
  next: number
}

/**
 * Explores every history of a world, depth first. A state that was reached before is not followed again. The code under
 * test cannot be copied in the middle of a call, so going back means to take the whole history again in a new run.
 */
export async function explore(world: World, options: SearchOptions = {}): Promise<Exploration> {
  const seen = new Set<string>()
  const frames: Frame[] = []
  const path: Move[] = []
  let transitions = 0
  let depth = 0

  /** Returns the moves of a state that was not reached before. */
  const enter = (run: Run): boolean => {
    const state = digest(run.fingerprint())
    if (seen.has(state)) return false
    seen.add(state)
    if (seen.size > (options.largestStates ?? Infinity)) throw new RangeError(`${world.name} is too large`)
    frames.push({ moves: run.moves(), next: 0 })
    depth = Math.max(depth, path.length)
    return true
  }

  let run: Run | undefined = await world.begin()
  enter(run)
  for (let frame = frames.at(-1); frame; frame = frames.at(-1)) {
    const move = frame.moves[frame.next++]
    if (!move) {
      frames.pop()
      path.pop()
      run = undefined
      continue
    }
    run ??= await replay(world, path)
    transitions++
    path.push(move)
    const rule = await violationOf(run, move)
    if (rule !== undefined)
      return { states: seen.size, transitions, depth: path.length, violation: { rule, history: path } }
    if (!enter(run)) {
      path.pop()
      run = undefined
    }
    // Lets timers and messages of the process run: everything else here is promises.
    if (transitions % 1000 === 0) await nextTurn()
  }
  return { states: seen.size, transitions, depth }
}

/** Takes the moves of a history in a new run. @throws {@link Violation} */
export async function replay(world: World, history: readonly Move[]): Promise<Run> {
  const run = await world.begin()
  for (const move of history) await run.take(move)
  return run
}

/** Takes a move, and returns the rule that it violates. */
export async function violationOf(run: Run, move: Move): Promise<string | undefined> {
  try {
    await run.take(move)
    return undefined
  } catch (error) {
    if (error instanceof Violation) return error.message
    throw error
  }
}

/** Returns a short name of a state. With 128 bits no two of a billion states share one. */
export function digest(text: string): string {
  return createHash('md5').update(text).digest('base64')
}
