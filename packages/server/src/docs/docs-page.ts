import { createHash } from 'node:crypto'
import type { OpenApiDocument, Operation, ResponseDescription } from '../openapi/index.js'
import { style } from './style.js'

/** A page, and the hash of its only style as a source for its Content-Security-Policy. */
export interface DocsPage {
  readonly html: string
  readonly styleSource: string
}

interface Entry {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

/** Renders the description as a page for people, without scripts or external resources. */
export function renderDocsPage(document: OpenApiDocument): DocsPage {
  const { info } = document
  const entries = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  )
  const groups = document.tags.map((tag) => ({
    ...tag,
    entries: entries.filter(({ operation }) => operation.tags.includes(tag.name)),
  }))
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(info.title)}: the HTTP interface</title>
<style>${style}</style>
</head>
<body>
<div class="page">
<nav aria-label="Contents">
${groups.map(({ name, entries }) => `<h2>${escapeHtml(name)}</h2><ul>${entries.map(renderLink).join('')}</ul>`).join('\n')}
<h2>Schemas</h2><ul>${Object.keys(document.components.schemas).map(renderSchemaLink).join('')}</ul>
</nav>
<main>
<h1>${escapeHtml(info.title)} <small>HTTP interface ${escapeHtml(info.version)}</small></h1>
<p class="lead">${renderLine(info.description)}</p>
<p>For machines: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
${groups.map(({ name, description, entries }) => `<h2>${escapeHtml(name)}</h2>${renderText(description)}${entries.map(renderOperation).join('')}`).join('\n')}
<h2>Schemas</h2>
${Object.entries(document.components.schemas).map(renderSchema).join('\n')}
</main>
</div>
</body>
</html>
`
  return { html, styleSource: `'sha256-${createHash('sha256').update(style).digest('base64')}'` }
}

function renderLink({ operation }: Entry): string {
  return `<li><a href="#${operation.operationId}">${renderLine(operation.summary)}</a></li>`
}

function renderSchemaLink(name: string): string {
  return `<li><a href="#schema-${name}">${escapeHtml(name)}</a></li>`
}

function renderOperation({ method, path, operation }: Entry): string {
  const { operationId, summary, description, requestBody, responses } = operation
  return `<section class="operation" id="${operationId}">
<div class="address"><span class="method ${method}">${method.toUpperCase()}</span>${escapeHtml(path)}</div>
<h3>${renderLine(summary)}</h3>
${renderText(description)}
${renderCredentials(operation)}
${requestBody ? `<p>Takes ${renderContent(requestBody['content'])}.</p>` : ''}
<table>${Object.entries(responses).map(renderResponse).join('')}</table>
</section>`
}

function renderCredentials({ security = [] }: Operation): string {
  const ways = security.map((way) => Object.keys(way).join(' and ')).filter((way) => way !== '')
  return ways.length === 0
    ? ''
    : `<p>Credentials: ${ways.map((way) => `<code>${escapeHtml(way)}</code>`).join(' or ')}.</p>`
}

function renderResponse([status, response]: [string, ResponseDescription]): string {
  const kind = status.startsWith('2') ? 'ok' : 'no'
  const schema = kind === 'ok' && response.content ? `<p>${renderContent(response.content)}</p>` : ''
  return `<tr class="${kind}"><th scope="row">${escapeHtml(status)}</th><td>${renderText(response.description)}${schema}</td></tr>`
}

/** Renders links to the shared schemas of the content, or its media types if it has none. */
function renderContent(content: unknown): string {
  const names = [...JSON.stringify(content).matchAll(/#\/components\/schemas\/(\w+)/g)].map(
    ([, name = '']) => name,
  )
  if (names.length > 0)
    return names.map((name) => `<a href="#schema-${name}"><code>${escapeHtml(name)}</code></a>`).join(' ')
  return typeof content === 'object' && content !== null
    ? Object.keys(content)
        .map((type) => `<code>${escapeHtml(type)}</code>`)
        .join(' ')
    : ''
}

function renderSchema([name, schema]: [string, unknown]): string {
  return `<section class="schema" id="schema-${name}"><h3>${escapeHtml(name)}</h3>
<details><summary>JSON Schema</summary><pre>${escapeHtml(JSON.stringify(schema, null, 2))}</pre></details></section>`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Escapes text for an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
}

/** Renders the subset of Markdown that descriptions use: paragraphs, and code between backticks. */
export function renderText(text: string): string {
  const paragraphs = text.split('\n\n').filter((paragraph) => paragraph !== '')
  return paragraphs.map((paragraph) => `<p>${renderLine(paragraph)}</p>`).join('')
}

/** Renders one line of text with code between backticks. */
function renderLine(text: string): string {
  return escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')
}
