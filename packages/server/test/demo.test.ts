import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeFolder, startProcess, type ServiceProcess } from './kit/service-process.js'

let folder: ReturnType<typeof makeFolder>
let service: ServiceProcess
let url: string

const post = (path: string, headers: Record<string, string> = { origin: url }) =>
  fetch(url + path, { method: 'POST', headers })

describe('the demo page', () => {
  beforeAll(async () => {
    folder = makeFolder()
    service = startProcess(folder.path)
    ;[, url = ''] = await service.waitFor(/the demo page {7}(http:\S+)\//)
  })
  afterAll(async () => {
    service.child.kill('SIGTERM')
    await service.ended()
    folder.remove()
  })

  it('is at /, runs its own scripts only, and loads nothing from other hosts', async () => {
    const answer = await fetch(url)
    const html = await answer.text()
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(answer.headers.get('content-security-policy')).toBe(
      "default-src 'none';script-src 'self';style-src 'self';img-src 'self';connect-src 'self';" +
        "base-uri 'none';form-action 'none';frame-ancestors 'none';require-trusted-types-for 'script'",
    )
    expect(html).not.toMatch(/<style|<script(?! [^>]*src="\/demo\/)|\son\w+=|\sstyle=|https?:\/\//)
  })

  it('serves every file that it names, and every module that those import', async () => {
    const html = await (await fetch(url)).text()
    const found = [...html.matchAll(/(?:src|href)="(\/demo\/[^"]+)"/g)].map(([, path = '']) => path)
    for (const path of found) {
      const answer = await fetch(url + path)
      expect([path, answer.status]).toEqual([path, 200])
      for (const [, name] of (await answer.text()).matchAll(/from '\.\/([\w-]+\.js)'/g))
        if (!found.includes(`/demo/${name}`)) found.push(`/demo/${name}`)
    }
    expect(found).toContain('/demo/actions.js')
    expect(found).toContain('/demo/perennial.global.js')
  })

  it('refuses other pages, and host names that a foreign DNS can point here, the use of its switches', async () => {
    const refused: Record<string, string>[] = [
      {},
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: url.replace('http:', 'https:') },
      { origin: url.replace('127.0.0.1', 'localhost') },
    ]
    for (const headers of refused)
      for (const path of ['/demo/sign-in/ada', '/demo/outage', '/demo/token-life/minute']) {
        const answer = await post(path, headers)
        expect([path, headers, answer.status]).toEqual([path, headers, 403])
        expect(await answer.json()).toMatchObject({ code: 'AUTH_ORIGIN_DENIED' })
      }
    expect(await (await fetch(`${url}/demo/state`)).json()).toEqual({ downSeconds: 0, tokenLife: 'hour' })
  })

  it('answers 404 and 405 like the rest of the service', async () => {
    expect((await post('/demo/nothing')).status).toBe(404)
    const answer = await post('/')
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  it('requires an access token for its API', async () => {
    const answer = await fetch(`${url}/demo/api`)
    expect(answer.status).toBe(401)
    expect(await answer.json()).toMatchObject({ code: 'AUTH_TOKEN_MISSING' })
  })
})

describe('in production', () => {
  it('does not exist', async () => {
    const folder = makeFolder()
    const service = startProcess(folder.path, {
      NODE_ENV: 'production',
      DOCS: 'on',
      PERENNIAL_SECRET: Buffer.alloc(32, 7).toString('base64'),
      MEMBERSTACK_APP_ID: 'app_emulator',
      MEMBERSTACK_SECRET_KEY: 'sk_sb_emulator',
      MEMBERSTACK_ADMIN_URL: 'http://127.0.0.1:9',
    })
    try {
      const [, url = ''] = await service.waitFor(/"url":"(http:[^"]+)"/)
      const home = await fetch(url, { redirect: 'manual' })
      expect([home.status, home.headers.get('location')]).toEqual([302, '/docs'])
      for (const path of ['/demo/state', '/demo/main.js', '/demo/perennial.global.js', '/demo/api'])
        expect([path, (await fetch(url + path)).status]).toEqual([path, 404])
      for (const path of ['/demo/sign-in/ada', '/demo/outage', '/demo/revoke', '/demo/token-life/minute']) {
        const answer = await fetch(url + path, { method: 'POST', headers: { origin: url } })
        expect([path, answer.status]).toEqual([path, 404])
      }
    } finally {
      service.child.kill('SIGTERM')
      await service.ended()
      folder.remove()
    }
  })

  it('does not start with the emulator, and so with no demo', async () => {
    const folder = makeFolder()
    const service = startProcess(folder.path, {
      NODE_ENV: 'production',
      PERENNIAL_SECRET: Buffer.alloc(32, 7).toString('base64'),
    })
    expect(await service.ended()).toBe(1)
    expect(service.output()).toContain('MEMBERSTACK_APP_ID')
    folder.remove()
  })
})
