export { createPlainUpdate } from './plain-update.ts'
export { createRefresher, mostAtOnce } from './refresher.ts'
