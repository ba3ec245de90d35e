export { createApp, type AppParts } from './app/index.js'
export { readConfig, type Config } from './config/index.js'
export { startService, StartFailure, type Service } from './start/index.js'
