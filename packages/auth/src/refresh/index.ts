/** The door of the refresh room: the refresh use case, and the two sources of its answers. */
export { createForwardSource, type ForwardOptions, type ForwardSource } from './forward-source.js'
export type { ForwardLimits } from './upstream-call.js'
export { createRefresh, type Refresh, type Refreshed, type RefreshParts } from './refresh.js'
export type { RefreshContext, RefreshOutcome, RefreshSource, RefusalReason } from './refresh.js'
export { createSessionSource, type SessionSourceOptions } from './session-source.js'
export type { RefreshClient } from './shadow-watch.js'
export type { SharedAnswers } from './shared-answers.js'
