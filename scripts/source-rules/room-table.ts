/**
 * For each room of a package, the other rooms that it may import (types included). The order is the order of the layers, from the bottom:
 * a room may only name rooms above it in this list, so a loop cannot be written down. "." holds the files that lie directly in `src`.
 */
export type RoomTable = Readonly<Record<string, readonly string[]>>

const features = ['tokens', 'limits', 'members', 'sessions', 'webhooks', 'refresh']

/** The rooms of every package. To add a room, add a line here and an `index.ts` in the room's folder. */
export const roomTables: Readonly<Record<string, RoomTable>> = {
  auth: {
    base: [],
    telemetry: ['base'],
    sinks: ['base', 'telemetry'],
    tokens: ['base', 'telemetry'],
    limits: ['base', 'telemetry'],
    members: ['base', 'telemetry', 'tokens'],
    sessions: ['base', 'telemetry', 'tokens', 'members'],
    webhooks: ['base', 'telemetry', 'members', 'sessions'],
    refresh: ['base', 'telemetry', 'tokens', 'members', 'sessions'],
    stores: ['base', 'telemetry', ...features],
    http: ['base', 'telemetry', ...features],
    adapters: ['base', 'tokens', 'http'],
    compose: ['base', 'telemetry', ...features, 'stores', 'http'],
    '.': ['base', 'telemetry', 'sinks', ...features, 'stores', 'http', 'adapters', 'compose'],
  },
  client: { '.': [] },
  emulator: {
    base: [],
    members: ['base'],
    tokens: ['base', 'members'],
    controls: ['base', 'members'],
    world: ['base', 'members', 'tokens', 'controls'],
    http: ['base', 'members', 'tokens', 'controls', 'world'],
    '.': ['base', 'members', 'tokens', 'controls', 'world', 'http'],
  },
  server: {
    base: [],
    config: ['base'],
    openapi: ['base'],
    telemetry: ['base', 'config'],
    demo: ['base', 'config'],
    inspect: ['base', 'config'],
    doctor: ['base', 'config'],
    app: ['base', 'config', 'openapi', 'telemetry', 'demo'],
    start: ['base', 'config', 'telemetry', 'demo', 'app'],
    '.': ['base', 'config', 'inspect', 'doctor', 'app', 'start'],
  },
}

/** The rooms of `bench/`, by the same rules, but without doors. */
export const benchRooms: RoomTable = {
  kit: [],
  adapters: ['kit'],
  refresh: ['kit'],
  growth: ['kit', 'adapters'],
  sizing: ['kit'],
  soak: ['kit'],
  starts: ['kit'],
  forgeries: ['kit'],
  pages: ['kit'],
  workers: ['kit'],
  '.': ['kit', 'adapters', 'refresh', 'growth', 'sizing', 'soak', 'starts', 'forgeries', 'pages', 'workers'],
}

/** @throws {TypeError} if a room may import itself or a room that does not stand before it. */
export function checkTable(table: RoomTable): void {
  const below = new Set<string>()
  for (const [room, allowed] of Object.entries(table)) {
    const wrong = allowed.find((other) => !below.has(other))
    if (wrong !== undefined)
      throw new TypeError(`the room ${room} may not import ${wrong}, which does not stand before it`)
    below.add(room)
  }
}
