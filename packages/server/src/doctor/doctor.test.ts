import { generateKeyPairSync } from 'node:crypto'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import { createPerennial } from '@perennial/auth'
import { type Emulator, startEmulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LoopbackServer, startLoopbackServer } from '../../test/kit/loopback-server.js'
import { makeFolder } from '../../test/kit/service-process.js'
import { checkNode, examine } from './doctor.js'

let emulator: Emulator
let folder: string
let made: ReturnType<typeof makeFolder>
const servers: LoopbackServer[] = []

beforeEach(async () => {
  emulator = await startEmulator()
  made = makeFolder()
  folder = made.path
})
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
  await emulator.close()
  made.remove()
})

/** The findings about one subject, as `level: message`. */
async function findings(subject: string, changes: Record<string, string | undefined> = {}) {
  const env = {
    STORE_URL: `sqlite:${join(folder, 'store.db')}`,
    MEMBERSTACK_APP_ID: emulator.appId,
    MEMBERSTACK_SECRET_KEY: emulator.secretKey,
    MEMBERSTACK_ADMIN_URL: emulator.adminUrl,
    MEMBERSTACK_WEBHOOK_SECRET: emulator.webhookSecret,
    ...changes,
  }
  const found = await examine(env, { readTextFile: () => '' })
  return found
    .filter((finding) => finding.subject === subject)
    .map(({ level, message }) => `${level}: ${message}`)
}

const forward = (changes: Record<string, string | undefined> = {}) => ({
  MEMBERSTACK_REFRESH_URL: emulator.refreshUrl,
  MEMBERSTACK_JWKS_URI: emulator.jwksUri,
  ...changes,
})

/** An upstream that answers everything alike; under a name of this machine that does not count as loopback. */
async function upstream(status: number, body: string, headers: Record<string, string> = {}) {
  const server = await startLoopbackServer((_request, response) =>
    response.writeHead(status, headers).end(body),
  )
  servers.push(server)
  return { url: `${server.url}/`, elsewhere: `http://0.0.0.0:${server.port}/` }
}

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const good = publicKey.export({ format: 'jwk' })
const secret = privateKey.export({ format: 'jwk' })
const jwks = (...keys: readonly object[]) => JSON.stringify({ keys })

describe('the doctor, of Node', () => {
  it('accepts versions with node:sqlite, and no older ones', async () => {
    for (const good of ['22.19.0', '22.20.1', '24.0.0', '100.0.0']) expect(checkNode(good).level).toBe('ok')
    for (const old of ['22.18.9', '20.99.0', '9.30.0']) expect(checkNode(old).level).toBe('error')
    expect(await findings('Node')).toEqual([`ok: ${process.versions.node}.`])
  })
})

describe('the doctor, of the admin API', () => {
  it('reports answers that the admin API does not give', async () => {
    const page = await upstream(200, '<html>')
    const cases: [string, RegExp][] = [
      [page.url, /^error: answers, but not as the admin API/],
      [(await upstream(200, '{}')).url, /^error: answers, but not as the admin API/],
      [(await upstream(404, '{}')).url, /^error: answers 404.*MEMBERSTACK_ADMIN_URL/],
      [(await upstream(400, '{"code":"validation/invalid-secret-key"}')).url, /^error: refuses MEMBER/],
      [(await upstream(200, `{"data":"${'x'.repeat(2_000_000)}"}`)).url, /^error: answers, but not/],
    ]
    for (const [MEMBERSTACK_ADMIN_URL, pattern] of cases)
      expect(await findings('admin API', { MEMBERSTACK_ADMIN_URL })).toEqual([expect.stringMatching(pattern)])
  })

  it('warns about a live key outside production', async () => {
    const { url } = await upstream(200, '{"data":null}')
    const found = (key: string) =>
      findings('admin API', { MEMBERSTACK_ADMIN_URL: url, MEMBERSTACK_SECRET_KEY: key })
    expect((await found('sk_live'))[1]).toMatch(/^warning: .*live key, but NODE_ENV is not production/)
    expect(await found('sk_sb_x')).toHaveLength(1)
  })

  it('shows only a number of the quota header', async () => {
    const quota = async (left: string) => {
      const { url } = await upstream(200, '{"data":null}', { 'x-ratelimit-remaining': left })
      return (await findings('admin API', { MEMBERSTACK_ADMIN_URL: url })).join()
    }
    expect(await quota('17')).toContain('17 are left')
    expect(await quota(emulator.secretKey)).toMatch(/per address\.$/)
  })
})

describe('the doctor, through a proxy', () => {
  it('takes the way of the service', async () => {
    const seen: string[] = []
    const proxy = await startLoopbackServer((request, response) => {
      seen.push(String(request.url))
      response.end('{"data":null}')
    })
    servers.push(proxy)
    const env = {
      HTTP_PROXY: proxy.url,
      MEMBERSTACK_ADMIN_URL: 'http://memberstack.invalid/',
    }
    expect((await findings('admin API', env))[0]).toMatch(/^ok: accepts the secret key/)
    expect(seen).toEqual([expect.stringMatching(/^http:\/\/memberstack\.invalid\/members\//)])
    expect((await findings('admin API', { ...env, NO_PROXY: 'memberstack.invalid' }))[0]).toMatch(
      /^error: cannot be reached \(ENOTFOUND\)/,
    )
  })

  it('reports a proxy that refuses, and one that is not a URL', async () => {
    const { url } = await upstream(407, 'canary')
    const env = { HTTPS_PROXY: url, MEMBERSTACK_ADMIN_URL: 'https://memberstack.invalid/' }
    // This server closes the connection of a CONNECT, as it listens for none.
    expect((await findings('admin API', env))[0]).toMatch(/^error: cannot be reached .*the outbound proxy/)
    expect(await findings('configuration', { HTTPS_PROXY: 'proxy:3128' })).toEqual([
      expect.stringMatching(/^error: HTTPS_PROXY is not the http\(s\) URL of a proxy/),
    ])
  })
})

describe('the doctor, of forward mode', () => {
  it('checks the refresh API, and compares the clock with it if there is no admin API', async () => {
    const env = forward({ MEMBERSTACK_SECRET_KEY: undefined })
    expect(await findings('refresh API', env)).toEqual([expect.stringMatching(/^ok: can be reached \(404/)])
    expect(await findings('clock', env)).toEqual(["ok: agrees with the refresh API's to the second."])
    expect(emulator.calls()['POST /auth/refresh-token']).toBeUndefined()
    const date = new Date(Date.now() - 60_000).toUTCString()
    const late = await upstream(401, '{}', { date })
    expect(await findings('clock', { ...env, MEMBERSTACK_REFRESH_URL: late.url })).toEqual([
      expect.stringMatching(/^error: is (59|60) s ahead of the refresh API's/),
    ])
  })

  it('reports a refresh API that is down, fails, redirects or uses plain http', async () => {
    const away = await upstream(200, '')
    await servers.splice(-1)[0]?.close()
    const cases: [string, RegExp[]][] = [
      [away.url, [/^error: cannot be reached \(ECONNREFUSED\).*MEMBERSTACK_REFRESH_URL/]],
      [(await upstream(502, '')).url, [/^error: answers with a server error \(502\)/]],
      [(await upstream(308, '', { location: '/x' })).url, [/^error: redirects \(308\)/]],
      [(await upstream(405, '')).elsewhere, [/^ok: can be reached/, /^warning: uses plain http/]],
    ]
    for (const [MEMBERSTACK_REFRESH_URL, patterns] of cases)
      expect(await findings('refresh API', forward({ MEMBERSTACK_REFRESH_URL }))).toEqual(
        patterns.map((pattern) => expect.stringMatching(pattern)),
      )
  })

  it('counts the keys that the service would take, and no others', async () => {
    const bad = [
      { ...good, e: 'AQ' },
      { ...good, use: 'enc' },
      { ...good, key_ops: ['sign'] },
    ]
    expect(await findings('key set', forward({ MEMBERSTACK_JWKS: jwks(good, ...bad) }))).toEqual([
      'ok: pinned, with 1 usable RS256 key.',
    ])
    const { url } = await upstream(200, jwks(...bad))
    expect(await findings('key set', forward({ MEMBERSTACK_JWKS_URI: url }))).toEqual([
      expect.stringMatching(/^error: answers 200 without a usable RS256 key/),
    ])
  })

  it('checks one in session mode too, where it is configured', async () => {
    expect(await findings('key set')).toEqual([expect.stringMatching(/^ok: not needed/)])
    expect(await findings('key set', { MEMBERSTACK_JWKS_URI: emulator.jwksUri })).toEqual([
      expect.stringMatching(/^ok: reachable on this machine, with 1 usable RS256 key/),
    ])
    const { url } = await upstream(404, 'Not found')
    expect(await findings('key set', { MEMBERSTACK_JWKS_URI: url })).toEqual([
      expect.stringMatching(/^error: answers 404 without a usable RS256 key/),
    ])
    expect(await findings('key set', { MEMBERSTACK_JWKS_URI: 'http://127.0.0.1:9/jwks.json' })).toEqual([
      expect.stringMatching(/^error: cannot be reached/),
    ])
    expect(await findings('key set', { MEMBERSTACK_JWKS: jwks(good) })).toEqual([
      'ok: pinned, with 1 usable RS256 key.',
    ])
  })

  it('finds a private key in a key set', async () => {
    const env = forward({ MEMBERSTACK_JWKS: jwks(good, secret) })
    expect(await findings('key set', env)).toEqual([
      'ok: pinned, with 1 usable RS256 key.',
      expect.stringMatching(/^warning: MEMBERSTACK_JWKS holds a private key/),
    ])
    const { url } = await upstream(200, jwks(good, secret))
    const published = await findings('key set', forward({ MEMBERSTACK_JWKS_URI: url }))
    expect(published[0]).toMatch(/^error: MEMBERSTACK_JWKS_URI publishes a private key/)
    expect(published.join()).not.toContain(secret.d)
  })

  it('has no word against a store that it does not open', async () => {
    for (const STORE_URL of ['memory:', 'sqlite:/nowhere/at/all.db'])
      expect(await findings('store', forward({ STORE_URL }))).toEqual([
        expect.stringMatching(/^ok: not used/),
      ])
  })
})

describe('the doctor, of a store', () => {
  it('reports what would stop the service, and does not change the file', async () => {
    const path = join(folder, 'store.db')
    new DatabaseSync(path).exec('CREATE TABLE theirs (a)')
    expect(await findings('store')).toEqual([expect.stringMatching(/^error: .*belongs to another program/)])
    rmSync(path)
    for (const address of ['sqlite::memory:', 'sqlite://data/x.db', 'sqlite:file:x.db'])
      expect(await findings('configuration', { STORE_URL: address })).toEqual([
        expect.stringMatching(/^error: STORE_URL names no file/),
      ])
    writeFileSync(path, '')
    const below = await findings('store', { STORE_URL: `sqlite:${path}/x/store.db` })
    expect(below).toEqual([expect.stringMatching(/^error: cannot be created: .* is not a folder/)])
    expect(existsSync(`${path}-wal`)).toBe(false)
  })

  it.runIf(existsSync('/proc/self'))(
    'reports that no file can be created in a file system of the kernel',
    async () => {
      for (const path of ['/proc/perennial/store.db', '/proc/store.db', '/sys/a/b/store.db'])
        expect(await findings('store', { STORE_URL: `sqlite:${path}` })).toContainEqual(
          expect.stringMatching(/^error: cannot be created: \/(proc|sys) is a file system of the kernel/),
        )
    },
  )

  it('reports that the secret of its sessions is missing', async () => {
    const { appId, secretKey, adminUrl } = emulator
    const store = `sqlite:${join(folder, 'store.db')}`
    await (await createPerennial({ store, memberstack: { appId, secretKey, adminUrl } })).close()
    expect((await findings('store')).join()).not.toContain('secret')
    rmSync(join(folder, 'store.db.secret'))
    expect((await findings('store')).join()).toMatch(/warning: the secret of its sessions is gone.*PERENNIAL/)
    const PERENNIAL_SECRET = Buffer.alloc(32, 7).toString('base64')
    expect((await findings('store', { PERENNIAL_SECRET })).join()).not.toContain('gone')
  })
})

describe('the doctor, of browsers', () => {
  it('warns about pages over plain http, except for those of this machine', async () => {
    const of = (CORS_ORIGIN: string) => findings('browsers', { CORS_ORIGIN })
    expect(await of('http://app.example.com')).toEqual([
      expect.stringMatching(/^ok/),
      expect.stringMatching(/^warning: pages on http:\/\/app\.example\.com use plain http/),
    ])
    for (const fine of ['*', 'http://localhost:3000', 'https://app.example.com'])
      expect(await of(fine)).toEqual([expect.stringMatching(/^ok/)])
  })

  it('knows pages that can never share a site with the service', async () => {
    const of = (CORS_ORIGIN: string) =>
      findings('browsers', { CORS_ORIGIN, REFRESH_TOKEN_TRANSPORT: 'cookie' })
    expect(await of('https://shop.webflow.io')).toEqual([
      expect.stringMatching(/^warning: https:\/\/shop\.webflow\.io is a site by itself/),
    ])
    expect(await of('https://10.0.0.1,https://10.9.0.1')).toEqual([expect.stringMatching(/several sites/)])
    expect(await of('https://app.example.com,https://www.example.com')).toEqual([
      expect.stringMatching(/^ok/),
    ])
  })
})
