export { ConfigError, readConfig, type Config, type LogLevel } from './config.js'
export { readNewStoreUrl } from './new-store-url.js'
export type { Environment } from './environment.js'
export { isPlainHttpElsewhere } from './urls.js'
