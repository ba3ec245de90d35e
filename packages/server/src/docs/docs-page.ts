import { createHash } from 'node:crypto'
import type { OpenApiDocument, Operation, ResponseDescription } from '../openapi/index.js'
import { escapeHtml, renderLine, renderText } from './html.js'
import { style } from './style.js'

/** A page, and the only style it may use, as a source of its Content-Security-Policy. */
export interface DocsPage {
  readonly html: string
  readonly styleSource: string
}

interface Entry {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

/** The description as a page for people: no script, nothing from elsewhere. */
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
<h2>Shapes</h2><ul>${Object.keys(document.components.schemas).map(renderShapeLink).join('')}</ul>
</nav>
<main>
<h1>${escapeHtml(info.title)} <small>HTTP interface ${escapeHtml(info.version)}</small></h1>
<p class="lead">${renderLine(info.description)}</p>
<p>For machines: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
${groups.map(({ name, description, entries }) => `<h2>${escapeHtml(name)}</h2>${renderText(description)}${entries.map(renderOperation).join('')}`).join('\n')}
<h2>Shapes</h2>
${Object.entries(document.components.schemas).map(renderShape).join('\n')}
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

function renderShapeLink(name: string): string {
  return `<li><a href="#shape-${name}">${escapeHtml(name)}</a></li>`
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
  const shape = kind === 'ok' && response.content ? `<p>${renderContent(response.content)}</p>` : ''
  return `<tr class="${kind}"><th scope="row">${escapeHtml(status)}</th><td>${renderText(response.description)}${shape}</td></tr>`
}

/** The shared shape where the content has one, else its media types. */
function renderContent(content: unknown): string {
  const shapes = [...JSON.stringify(content).matchAll(/#\/components\/schemas\/(\w+)/g)].map(
    ([, name = '']) => name,
  )
  if (shapes.length > 0)
    return shapes.map((name) => `<a href="#shape-${name}"><code>${escapeHtml(name)}</code></a>`).join(' ')
  return typeof content === 'object' && content !== null
    ? Object.keys(content)
        .map((type) => `<code>${escapeHtml(type)}</code>`)
        .join(' ')
    : ''
}

function renderShape([name, schema]: [string, unknown]): string {
  return `<section class="shape" id="shape-${name}"><h3>${escapeHtml(name)}</h3>
<details><summary>JSON Schema</summary><pre>${escapeHtml(JSON.stringify(schema, null, 2))}</pre></details></section>`
}
