export { byHand, contenders, rows } from './contenders.ts'
export { measure } from './measure.ts'
export { callers } from './target.ts'
