export { readConfig, type Config, type LogLevel } from './config.js'
export type { Environment } from './settings.js'
