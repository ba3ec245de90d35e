export { move } from './move.js'
