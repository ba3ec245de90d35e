import type { Clock, Perennial } from '@perennial/auth'
import type { Emulator } from '@perennial/emulator'
import type { FastifyInstance } from 'fastify'
import { addBreakHooks } from './break-hooks.js'
import { addDemoRoutes } from './demo-routes.js'
import { createSwitches } from './switches.js'
import { createSwitchingPerennial } from './switching-perennial.js'

/** What the demo is made of. */
export interface DemoParts {
  readonly emulator: Pick<Emulator, 'issueTokens'>
  readonly perennial: Perennial
  /** Opens the same once more, on the same store, with access tokens of 60 s; null where that cannot be. */
  readonly openShortLived: (() => Promise<Perennial>) | null
  readonly transport: 'body' | 'cookie'
  readonly clock: Clock
}

/** A page that shows the product at work, and switches to break it with. */
export interface Demo {
  /** Serves in place of the Perennial that was given. */
  readonly perennial: Perennial
  /** To be called before any route is added. */
  addHooks(app: FastifyInstance): void
  /** Returns the paths that are only looked at. */
  addRoutes(app: FastifyInstance): ReadonlySet<string>
}

/** Only for laptops: whoever composes the service makes none in production, nor beside a real Memberstack. */
export function createDemo(parts: DemoParts): Demo {
  const { emulator, transport, openShortLived, clock } = parts
  const switches = createSwitches(clock)
  const refuse = () => Promise.reject(new TypeError('this store cannot be opened twice'))
  const perennial = createSwitchingPerennial(parts.perennial, switches, openShortLived ?? refuse)
  return {
    perennial,
    addHooks: (app) => addBreakHooks(app, switches),
    addRoutes: (app) =>
      addDemoRoutes(app, { emulator, perennial, switches, transport, canShorten: openShortLived !== null }),
  }
}
