export { appIdOf, ConfigError, readConfig, readNewStoreUrl, type Config, type LogLevel } from './config.js'
export type { Environment } from './environment.js'
export { isPlainHttpElsewhere } from './setting-kinds.js'
