export { renderDocsPage, type DocsPage } from './docs-page.js'
