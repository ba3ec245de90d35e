import { build } from 'esbuild'
import { expect, it } from 'vitest'
import { describeInBrowser } from './world.js'

const contents = `
import axios from 'axios'
window.openApi = (session) => axios.create({ baseURL: '/api', adapter: 'fetch', env: { fetch: session.fetch } })`

declare global {
  interface Window {
    openApi(session: unknown): {
      get(url: string, options?: { signal?: AbortSignal }): Promise<{ status: number; data: unknown }>
      post(url: string, data: unknown): Promise<{ status: number; data: unknown }>
    }
  }
}

describeInBrowser('the real axios, given session.fetch', (world) => {
  it('sends the token, retries a 401 with a new one and the same body, and stops when it is aborted', async () => {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: import.meta.dirname },
      bundle: true,
      write: false,
      format: 'iife',
    })
    const tab = await world.signedIn({}, { ageSeconds: 600 })
    await tab.addScriptTag({ content: outputFiles[0]?.text ?? '' })
    const bodies: string[] = []
    let refuse = true
    world.pages.api = (request, response) => {
      let body = ''
      request.on('data', (chunk) => (body += chunk))
      request.on('end', () => {
        bodies.push(`${request.method} ${request.url} ${request.headers['content-type']} ${body}`)
        if (!refuse) return world.service.api(request, response)
        refuse = false
        response.writeHead(401).end()
      })
    }
    const answer = await tab.evaluate(async () => {
      const { status, data } = await window.openApi(window.session).post('/projects', { name: 'x' })
      return { status, data }
    })
    expect(answer).toEqual({ status: 200, data: { userId: 'mem_ada' } })
    const sent = 'POST /api/projects application/json {"name":"x"}'
    expect(bodies).toEqual([sent, sent])
    expect(world.refreshes()).toBe(1)
    const aborted = await tab.evaluate(() =>
      window
        .openApi(window.session)
        .get('/projects', { signal: AbortSignal.abort() })
        .catch((error) => error.code),
    )
    expect(aborted).toBe('ERR_CANCELED')
    await world.context.setOffline(true)
    world.service.fault = () => ({ kind: 'reset' })
    const failed = await tab.evaluate(() =>
      window
        .openApi(window.session)
        .get('/x')
        .catch((error) => error.name),
    )
    expect(failed).toBe('AxiosError')
  })
})
