export { readConfig, type Config } from './config/index.js'
