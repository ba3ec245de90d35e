export type { OpenApiDocument, Operation, ResponseDescription, Schema } from './description.js'
export { renderDocsPage, type DocsPage } from './docs-page.js'
export { describeService } from './document.js'
