/** The door of the compose room: the options, and `createPerennial`, which builds everything from them. */
export { isRandom } from './option-kinds.js'
export { createPerennial } from './create-perennial.js'
export { defaultRefreshGraceSeconds, defaultSessionIdleSeconds } from './resolve-options.js'
export type { ClaimsMember, ClaimsOf } from './member-claims.js'
export type { DpopOptions, MemberstackOptions, PerennialOptions } from './perennial-options.js'
