import type { SessionWorldOptions } from './scene.ts'

/** The parts that most worlds have. */
export const usual = {
  tabs: 1,
  storage: 'shared',
  hasLock: true,
  instances: 1,
  generations: 4,
  bounds: ['grace'],
  transport: 'body',
  graceSeconds: 120,
  idleSeconds: 604_800,
} as const satisfies Partial<SessionWorldOptions>
