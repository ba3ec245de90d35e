import type { Clock, Perennial } from '@perennial/auth'
import type { Emulator } from '@perennial/emulator'
import type { FastifyInstance } from 'fastify'
import { addDemoRoutes } from './demo-routes.js'
import { addBreakHooks, createSwitches } from './switches.js'
import { createSwitchingPerennial } from './switching-perennial.js'

/** The dependencies of the demo. */
export interface DemoParts {
  readonly emulator: Pick<Emulator, 'issueTokens'>
  readonly perennial: Perennial
  /** Opens a second Perennial on the same store, with access tokens of 60 s; null if the store cannot be opened twice. */
  readonly openShortLived: (() => Promise<Perennial>) | null
  readonly transport: 'body' | 'cookie'
  readonly clock: Clock
}

/** The demo page, and switches that cause faults. */
export interface Demo {
  /** The Perennial that the service must use instead of the given one. */
  readonly perennial: Perennial
  /** Must be called before any route is added. */
  addHooks(app: FastifyInstance): void
  /** Returns the paths that answer GET and HEAD only. */
  addRoutes(app: FastifyInstance): ReadonlySet<string>
}

/** Creates the demo. The caller must not do so in production or beside a real Memberstack. */
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
