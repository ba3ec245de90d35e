import { describe, expect, it } from 'vitest'
import { describeService } from '../openapi/index.js'
import { renderDocsPage } from './docs-page.js'
import { escapeHtml, renderText } from './html.js'

describe('renderDocsPage', () => {
  const document = describeService('session')
  const { html } = renderDocsPage(document)

  it('shows every operation and links to nothing that is not there', () => {
    for (const path of Object.keys(document.paths)) expect(html).toContain(escapeHtml(path))
    const links = [...html.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id)
    expect(links.length).toBeGreaterThan(20)
    for (const id of links) expect(html).toContain(`id="${id}"`)
  })

  it('runs no script, has no inline style and asks no other host', () => {
    expect(html).not.toMatch(/<script|\son\w+=|style="|src=|https?:\/\//)
  })
})

describe('renderText', () => {
  it('makes paragraphs and code, and nothing else, of a text', () => {
    expect(renderText('a `b` <i>\n\n"c" & d')).toBe(
      '<p>a <code>b</code> &lt;i&gt;</p><p>&quot;c&quot; &amp; d</p>',
    )
  })
})
