export { createDemo, type Demo, type DemoParts } from './demo.js'
