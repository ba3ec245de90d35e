import { describe, expect, it } from 'vitest'
import { describeService } from './document.js'
import { escapeHtml, renderDocsPage, renderText } from './docs-page.js'

describe('renderDocsPage', () => {
  const document = describeService('session')
  const { html } = renderDocsPage(document)

  it('shows every operation and has no dead link', () => {
    for (const path of Object.keys(document.paths)) expect(html).toContain(escapeHtml(path))
    const links = [...html.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id)
    expect(links.length).toBeGreaterThan(20)
    for (const id of links) expect(html).toContain(`id="${id}"`)
  })

  it('has no script, no inline style and no resource of another host', () => {
    expect(html).not.toMatch(/<script|\son\w+=|style="|src=|https?:\/\//)
  })
})

describe('renderText', () => {
  it('renders paragraphs and code, and nothing else', () => {
    expect(renderText('a `b` <i>\n\n"c" & d')).toBe(
      '<p>a <code>b</code> &lt;i&gt;</p><p>&quot;c&quot; &amp; d</p>',
    )
  })
})
