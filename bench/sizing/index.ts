export { describeAssumptions, readOptions } from './assumptions.ts'
export { measure, type Measurement } from './measure.ts'
export { sizeOf, type Size } from './size-of.ts'
