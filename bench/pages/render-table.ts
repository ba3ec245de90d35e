import { createElement } from 'react'
import { renderToString } from 'react-dom/server'

/** Renders a page of a member as React does on a server: a table of three columns. */
export function renderTable(email: string, rows: number): Response {
  const cell = (text: string) => createElement('td', { key: text }, text)
  const row = (at: number) =>
    createElement('tr', { key: at }, [`Invoice ${at}`, email, `${at * 7} €`].map(cell))
  const body = createElement(
    'tbody',
    null,
    Array.from({ length: rows }, (_, at) => row(at)),
  )
  const table = createElement('table', null, body)
  const html = renderToString(createElement('html', null, createElement('body', null, table)))
  return new Response(html, { headers: { 'content-type': 'text/html' } })
}
