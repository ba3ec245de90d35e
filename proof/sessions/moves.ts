import type { Move } from '../explore/world.ts'
import { atInstances } from './at-instances.ts'
import { deviceMoves } from './device-moves.ts'
import { hasToRenew } from './device.ts'
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

function actorMoves(scene: Scene, actor: Actor, who: number): readonly Move[] {
  const { holding, name } = actor
  if (holding.refresh === 0) return []
  const own = scene.calls.filter((call) => call.actor === actor)
  const isBusy = own.some(({ kind }) => kind === 'refresh' || kind === 'sign-out')
  const moves: Move[] = [...deviceMoves(scene, actor, who)]
  if (name !== 'thief' && hasToRenew(scene)) return [...moves, ...uses(scene, actor, who)]
  if (!isBusy && holding.refresh < scene.options.generations && !isLocked(scene, actor)) {
    const text = `${name} refreshes by generation ${holding.refresh}`
    moves.push(...departures(scene, actor, { kind: 'refresh', who, text }))
  }
  if (maySignOut(scene, name))
    moves.push(...departures(scene, actor, { kind: 'sign-out', who, text: `${name} signs out` }))
  return [...moves, ...uses(scene, actor, who)]
}

/** A thief signs out where the sign-out needs a key, or may come to need one. */
function maySignOut({ budget, options }: Scene, name: Actor['name']): boolean {
  return budget.signOuts > 0 && (name !== 'thief' || options.key !== undefined || options.device === true)
}

function uses(scene: Scene, { holding, name }: Actor, who: number): readonly Move[] {
  if (holding.access === null || scene.options.hasUses === false) return []
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
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a move of a request is called as its kind
  return atInstances(scene, move, move.kind as Call['kind'])
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
