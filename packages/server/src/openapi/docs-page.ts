import { createHash } from 'node:crypto'
import type { OpenApiDocument, Operation, ResponseDescription } from './description.js'

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

/** The style sheet of the page; its hash is in the page's Content-Security-Policy. */
const style = `
:root { color-scheme: light dark; --ink: light-dark(#1c2430, #e6eaf0); --soft: light-dark(#5a6675, #9aa6b5);
  --ground: light-dark(#fbfbf9, #12161c); --card: light-dark(#fff, #1a2029); --line: light-dark(#e3e5e0, #2b333f);
  --leaf: light-dark(#1f7a4d, #5fd39a); --sky: light-dark(#1d5fa8, #7db8ff); --rose: light-dark(#b3363f, #ff8f96);
  --code: light-dark(#f1f3ee, #232b36); }
* { box-sizing: border-box }
html { scroll-behavior: smooth; scroll-padding-top: 1rem }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto } }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, sans-serif }
.page { display: grid; grid-template-columns: 17rem minmax(0, 1fr); max-width: 76rem; margin: 0 auto; gap: 2.5rem; padding: 0 1.5rem }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto; padding: 2rem 0 }
nav h2 { margin: 1.4rem 0 .3rem; font-size: .75rem; letter-spacing: .08em; text-transform: uppercase; color: var(--soft) }
nav ul { list-style: none; margin: 0; padding: 0 }
nav li { break-inside: avoid } nav a { display: block; padding: .2rem .5rem; margin-left: -.5rem; border-radius: 6px; color: inherit; text-decoration: none; font-size: .9rem }
nav a:hover { background: var(--code) }
main { padding: 2rem 0 6rem }
h1 { margin: 0; font-size: 2.1rem; letter-spacing: -.02em }
h1 small { font-size: .9rem; font-weight: 400; color: var(--soft); letter-spacing: 0 }
.lead { font-size: 1.1rem; color: var(--soft); margin: .4rem 0 2rem }
main > h2 { margin: 3rem 0 .2rem; font-size: 1.3rem; text-transform: capitalize }
.operation, .schema { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.1rem 1.3rem; margin: 1rem 0 }
.operation h3, .schema h3 { margin: .35rem 0 0; font-size: 1rem; font-weight: 600; overflow-wrap: anywhere }
.operation p { margin: .5rem 0 }
.address { font: .95rem/1.6 ui-monospace, monospace; overflow-wrap: anywhere }
.method { display: inline-block; min-width: 4.2em; padding: 0 .5em; margin-right: .6em; border-radius: 6px; text-align: center;
  font-weight: 700; font-size: .8rem; border: 1px solid currentcolor }
.get { color: var(--sky) } .post { color: var(--leaf) } .delete { color: var(--rose) }
code, pre { font-family: ui-monospace, monospace; font-size: .87em; background: var(--code); border-radius: 5px }
code { padding: .1em .35em; overflow-wrap: anywhere }
pre { padding: .9rem 1rem; overflow: auto; margin: .6rem 0 0; line-height: 1.45 }
details { margin-top: .7rem }
summary { cursor: pointer; color: var(--soft); font-size: .9rem }
:focus-visible { outline: 2px solid var(--sky); outline-offset: 2px; border-radius: 6px }
table { border-collapse: collapse; width: 100%; margin-top: .6rem; font-size: .92rem }
th, td { text-align: left; vertical-align: top; padding: .45rem .6rem .45rem 0; border-top: 1px solid var(--line) }
th { width: 3.6rem; font-weight: 700 } .operation td p { margin: 0 0 .25rem } .operation td p:last-child { margin: 0 }
main a { color: var(--sky) }
.ok th { color: var(--leaf) } .no th { color: var(--rose) }
@media (max-width: 52rem) { .page { display: block; padding: 0 1rem } nav { position: static; max-height: none; padding: 1rem 0 0 }
  nav ul { columns: 2 } main { padding-top: 1rem } h1 { font-size: 1.7rem } }
`
