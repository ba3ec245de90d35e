import type { Move } from '../explore/world.ts'
import { isShownNow } from './browser-key.ts'
import { hasToRenew } from './device.ts'
import { atInstances } from './at-instances.ts'
import type { Actor, Call, Scene } from './scene.ts'

/** The browser registers a key within this time after the sign-in, in seconds. */
const registrationSeconds = 120

/** Lists the requests that a browser makes by itself for its key, and what a thief can try. */
export function deviceMoves(scene: Scene, actor: Actor, who: number): readonly Move[] {
  if (!scene.browser) return []
  const kinds = scene.calls.filter((call) => call.actor === actor).map(({ kind }) => kind)
  const isAtKey = kinds.some((kind) => kind === 'register' || kind === 'renew')
  const isRefreshing = kinds.some((kind) => kind === 'refresh' || kind === 'sign-out')
  // The tabs have one browser, which does this once.
  const ofBrowser = who === 0 ? browserMoves(scene) : []
  const named = actor.name === 'thief' ? thiefMoves(scene, actor) : ofBrowser
  const mayRefresh = !isRefreshing && actor.holding.refresh < scene.options.generations
  const possible = named.filter(([kind]) => (kind === 'refresh' ? mayRefresh : !isAtKey))
  return possible.flatMap(([kind, how, text]) =>
    atInstances(scene, { kind, how, who, text: `${actor.name} ${text}` }, kind),
  )
}

type Named = readonly [kind: Call['kind'], how: Call['how'], text: string]

function browserMoves(scene: Scene): readonly Named[] {
  const { browser, now, row } = scene
  const mayRegister = browser?.challenge != null && now < row.createdAt + registrationSeconds
  const isDue = hasToRenew(scene)
  return [
    ...(mayRegister ? [['register', 'usual', 'registers its key'] as const] : []),
    ...(isDue ? [['renew', 'usual', 'renews its cookie'] as const] : []),
    ...(isDue ? [['refresh', 'skipped', 'refreshes, but could not renew its cookie'] as const] : []),
  ]
}

function thiefMoves(scene: Scene, { holding }: Actor): readonly Named[] {
  const { browser } = scene
  const knowsName = browser?.identifier != null
  return [
    ...(browser?.taken.register
      ? [['register', 'usual', 'registers a key with the challenge of the browser'] as const]
      : []),
    ...(knowsName
      ? [['register', 'renewal challenge', 'registers a key with the challenge of a renewal'] as const]
      : []),
    ...(knowsName ? [['renew', 'usual', 'renews the cookie with a key of its own'] as const] : []),
    ...(browser?.taken.renew ? [['renew', 'replay', 'sends a proof of the browser again'] as const] : []),
    ...(isShownNow(holding.short, scene.now)
      ? []
      : [['refresh', 'skipped', 'refreshes as a browser that could not renew'] as const]),
  ]
}
