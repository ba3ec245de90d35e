export { measureCase, type Found } from './measure-case.ts'
