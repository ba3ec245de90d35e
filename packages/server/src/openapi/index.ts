export type { OpenApiDocument, Operation, ResponseDescription, Schema } from './description.js'
export { describeService } from './document.js'
