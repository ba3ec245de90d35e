export { startService, type Service } from './start-service.js'
export { StartFailure } from './start-failure.js'
export { stopOnSignals } from './shutdown.js'
