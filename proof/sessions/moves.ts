import type { Move } from '../explore/world.ts'
import { waitsOf } from './instants.ts'
import { readAccessToken } from './instance.ts'
import type { Actor, Call, Scene, StoreCall } from './scene.ts'

/** Lists the moves of a state. The numbers name actors, instances, and places in lists of the scene. */
export function movesOf(scene: Scene): readonly Move[] {
  const { calls } = scene
  // The response of a tab either comes home now or never: later would look the same to everybody.
  const answered = calls.findIndex(({ isJudged }) => isJudged)
  const response = calls[answered]
  if (response) return responseMoves(response, answered)
  return [
    ...scene.pending.flatMap((call, place) => storeMoves(scene, call, place)),
    ...calls.flatMap((call, place) => arrivals(scene, call, place)),
    ...scene.news.map(({ at }, place) => ({ kind: 'news', place, text: `instance ${at} gets the news` })),
    ...scene.actors.flatMap((actor, who) => actorMoves(scene, actor, who)),
    ...thefts(scene),
    ...upsets(scene),
    ...waitsOf(scene),
  ]
}

function responseMoves({ actor: { name } }: Call, call: number): readonly Move[] {
  return [
    { kind: 'receive', call, text: `${name} gets the response` },
    { kind: 'lose', call, text: `the response to ${name} is lost` },
  ]
}

function storeMoves(
  { budget }: Scene,
  { method, cause, at, confirming }: StoreCall,
  place: number,
): readonly Move[] {
  const ownWork = confirming ? `first use of generation ${confirming.generation}` : 'by itself'
  const who = cause ? `for ${cause.actor.name}` : ownWork
  const move = (ending: string, how: string): Move => {
    return { kind: 'store', place, ending, text: `instance ${at}, ${who}: ${method}${how}` }
  }
  const done = move('done', '')
  const isFaultable = budget.faults > 0 && (cause ?? confirming) !== undefined
  if (!isFaultable) return [done]
  const failed = [move('unreached', ' fails'), move('unacknowledged', ' is done, but fails')]
  const unsigned = move('unsigned', ', and no token can be signed')
  return [done, ...failed, ...(method === 'replace' && cause ? [unsigned] : [])]
}

function arrivals(scene: Scene, { at, kind, actor }: Call, call: number): readonly Move[] {
  if (at !== undefined) return []
  return atInstances(scene, { kind: 'arrive', call, text: `the ${kind} of ${actor.name} arrives` }, kind)
}

/** Lists a move for each instance, and for a refresh also with an admin API that fails. */
function atInstances({ instances, budget }: Scene, move: Move, kind: Call['kind']): readonly Move[] {
  const direct = instances.map((_, at): Move => ({ ...move, at, text: `${move.text} at instance ${at}` }))
  if (budget.faults === 0 || kind !== 'refresh') return direct
  const faulty = direct.map((one): Move => ({
    ...one,
    fault: 'admin',
    text: `${one.text}, without an admin API`,
  }))
  return [...direct, ...faulty]
}

function actorMoves(scene: Scene, actor: Actor, who: number): readonly Move[] {
  const { holding, name } = actor
  if (holding.refresh === 0) return []
  const isBusy = scene.calls.some((call) => call.actor === actor)
  const moves: Move[] = []
  if (!isBusy && holding.refresh < scene.options.generations && !isLocked(scene, actor)) {
    const text = `${name} refreshes by generation ${holding.refresh}`
    moves.push(...departures(scene, actor, { kind: 'refresh', who, text }))
  }
  if ((name !== 'thief' || scene.options.key) && scene.budget.signOuts > 0)
    moves.push(...departures(scene, actor, { kind: 'sign-out', who, text: `${name} signs out` }))
  return [...moves, ...uses(scene, actor, who)]
}

function uses(scene: Scene, { holding, name }: Actor, who: number): readonly Move[] {
  if (holding.access === null) return []
  const { gen } = readAccessToken(holding.access)
  return scene.instances.flatMap(({ remembered, mode }, at): Move[] => {
    const isEnded = mode.revocations.isEnded(scene.sessionId)
    // A use that the instance has noted changes nothing.
    if (!isEnded && remembered.confirmed >= gen) return []
    return [
      { kind: 'use', who, at, text: `${name} uses the access token of generation ${gen} at instance ${at}` },
    ]
  })
}

/**
 * A request is on its way for a step of its own only where that can matter: if another tab of the storage may have newer
 * tokens before it arrives.
 */
function departures(scene: Scene, { name }: Actor, move: Move): readonly Move[] {
  const { options } = scene
  if (options.isFine || (options.tabs > 1 && !options.hasLock && name !== 'thief')) return [move]
  return atInstances(scene, move, move.kind === 'refresh' ? 'refresh' : 'sign-out')
}

function isLocked({ options, calls, actors }: Scene, { holding, name }: Actor): boolean {
  if (!options.hasLock || name === 'thief') return false
  const others = actors.filter((actor) => actor.holding === holding)
  return calls.some(({ actor, kind }) => kind === 'refresh' && others.includes(actor))
}

function thefts({ budget, actors }: Scene): readonly Move[] {
  if (budget.thefts === 0) return []
  return actors.flatMap(({ name, holding }, from): Move[] => {
    const isFirst = actors.findIndex((actor) => actor.holding === holding) === from
    if (name === 'thief' || holding.refresh === 0 || !isFirst) return []
    return [{ kind: 'copy', from, text: `the thief copies the storage of ${name}` }]
  })
}

function upsets({ budget, instances, durable }: Scene): readonly Move[] {
  const crashes = budget.crashes > 0 ? instances : []
  return [
    ...crashes.map((_, at) => ({ kind: 'crash', at, text: `instance ${at} crashes and starts again` })),
    ...(budget.failovers > 0 && durable.rowBefore() ? [failover] : []),
  ]
}

const failover: Move = { kind: 'failover', text: 'the store loses its last write' }
