import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { call, exchange, pairOf, refresh, type Pair } from './kit/auth-calls.js'
import { createCanaries, type Canaries } from './kit/canaries.js'
import { startTelemetryListener, type TelemetryListener } from './kit/telemetry-listener.js'

const folder = new URL('sentry-majors/', import.meta.url)
const install = 'npm ci --prefix packages/server/test/sentry-majors --omit=optional --ignore-scripts'
const isInstalled = existsSync(new URL('node_modules', folder))
if (!isInstalled)
  process.stderr.write(`\n*** NOT TESTED: @sentry/node 9, 10 and 11 are not installed. Run: ${install}\n\n`)

it.runIf(process.env['CI'])('the majors of Sentry are installed where everything is tested', () => {
  expect(isInstalled, install).toBe(true)
})

let emulator: Emulator
let sentry: TelemetryListener
let posthog: TelemetryListener
let canaries: Canaries
let app: ChildProcess | undefined
beforeEach(async () => {
  emulator = await startEmulator()
  sentry = await startTelemetryListener()
  posthog = await startTelemetryListener()
  canaries = createCanaries()
})
afterEach(async () => {
  if (app && app.exitCode === null && app.signalCode === null) {
    const ended = once(app, 'exit')
    app.kill('SIGKILL')
    await ended
  }
  await Promise.all([sentry.close(), posthog.close(), emulator.close()])
})

async function startApp(major: string, client: string): Promise<string> {
  app = fork(fileURLToPath(new URL('express-app.ts', folder)), {
    execArgv: ['--import', new URL('instrument.ts', folder).href],
    env: {
      ...process.env,
      NODE_ENV: 'development',
      SENTRY: major,
      CLIENT: client,
      DSN: sentry.dsn,
      POSTHOG: posthog.url,
      APP_ID: emulator.appId,
      SECRET_KEY: emulator.secretKey,
      ADMIN_URL: emulator.adminUrl,
    },
  })
  const [{ port }] = await once(app, 'message')
  return `http://127.0.0.1:${port}`
}

/** Provokes failures with live tokens in every part of the request. */
async function provoke(url: string): Promise<void> {
  const member = await emulator.issueTokens()
  const pair: Pair = pairOf(await exchange(url, member.accessToken))
  canaries.add('member token', member.accessToken)
  canaries.add('access token', pair.accessToken)
  // The first 32 characters are the ids of key and session, which are not secret.
  canaries.add('refresh token', pair.refreshToken.slice(32))
  const headers = {
    cookie: `__Host-perennial=${pair.refreshToken}; access=${pair.accessToken}`,
    'user-agent': pair.accessToken,
    referer: `https://app.example/?memberToken=${member.accessToken}`,
  }
  const query = `?memberToken=${member.accessToken}`
  expect((await call(url, `/admin${query}`, { token: pair.accessToken, headers })).status).toBe(403)
  emulator.setFault({ route: 'GET /members/:idOrEmail', status: 500, times: 50 })
  emulator.setFault({ route: 'POST /members/verify-token', status: 500, times: 50 })
  expect((await exchange(url, member.accessToken, headers)).status).toBe(503)
  emulator.clearFaults()
  const json = { refreshToken: `${pair.refreshToken}x`, live: pair.refreshToken }
  expect((await call(url, `/v1/auth/refresh-token${query}`, { method: 'POST', json, headers })).status).toBe(
    401,
  )
  expect((await refresh(url, pair.refreshToken)).status).toBe(200)
  expect((await call(url, `/control${query}`, { method: 'POST', json, headers })).status).toBe(200)
}

interface Envelope {
  readonly tag: string
  readonly text: string
}

/** Returns the envelopes of events, each with its tag `event`. */
function envelopes(): readonly Envelope[] {
  return sentry.requests
    .map(({ text }) => ({ text, items: text.split('\n').slice(1) }))
    .filter(({ items }) => JSON.parse(items[0] ?? '{}').type === 'event')
    .map(({ text, items }) => ({ text, tag: String(JSON.parse(items[1] ?? '{}').tags?.event) }))
}

describe.runIf(isInstalled).each([
  ['sentry9', 'module'],
  ['sentry9', 'scope'],
  ['sentry10', 'module'],
  ['sentry10', 'scope'],
  ['sentry11', 'module'],
  ['sentry11', 'scope'],
])('the sinks in an Express app that %s has instrumented, given its %s', (major, client) => {
  it('send failures without anything of the request that was under way', { timeout: 60_000 }, async () => {
    const url = await startApp(major, client)
    await provoke(url)
    app?.send('flush')
    if (app) await once(app, 'message')

    const own = envelopes().filter(({ tag }) => tag !== 'undefined')
    expect(new Set(own.map(({ tag }) => tag))).toEqual(
      new Set(['rbac_failure', 'upstream_failure', 'auth_failure']),
    )
    for (const { text } of own) {
      expect(canaries.foundIn(text), text).toEqual([])
      expect(text).not.toMatch(/"(request|user|breadcrumbs|transaction)":/)
      // The header, and one item of two lines: no attachments.
      expect(text.trim().split('\n')).toHaveLength(3)
    }

    const captured = posthog.requests
      .flatMap(({ text }): readonly { event: string }[] => JSON.parse(text).batch)
      .map((message) => ({ name: message.event, text: JSON.stringify(message) }))
    const ownCaptured = captured.filter(({ name }) => name !== 'control')
    expect(ownCaptured.length).toBeGreaterThan(4)
    for (const { text } of ownCaptured) {
      expect(canaries.foundIn(text), text).toEqual([])
      expect(text).not.toMatch(/current_url|request_path|user_agent|\$ip"/)
    }

    // The same searches find the tokens in events of the application itself, so they would find them in ours.
    const control = envelopes().find(({ text }) => text.includes('"control"'))
    expect(canaries.foundIn(control?.text ?? '')).toEqual(
      expect.arrayContaining(['access token', 'refresh token', 'member token']),
    )
    const capturedControl = captured.find(({ name }) => name === 'control')
    expect(capturedControl?.text).toMatch(/current_url/)
    expect(canaries.foundIn(capturedControl?.text ?? '')).toContain('access token')
  })
})
