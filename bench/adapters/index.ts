export { forwardOptions } from './contender.ts'
export { measureFramework, shapes, type Measured } from './measure.ts'
export { createPlan } from './plan.ts'
export { frameworks, startExpress, type ServerProcess } from './server.ts'
