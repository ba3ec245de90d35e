import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { exchange, me, pairOf, refresh } from './kit/auth-calls.js'
import { makeFolder, startProcess } from './kit/service-process.js'

const folder = new URL('../../../docs/monitoring/', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8')

/** Returns the samples of a real service that was used a little: each with its name and labels. */
async function readMetrics(): Promise<string> {
  const place = makeFolder()
  const service = startProcess(place.path)
  onTestFinished(async () => {
    service.child.kill('SIGKILL')
    await service.ended()
    place.remove()
  })
  const [, url = ''] = await service.waitFor(/Perennial listens on (http:\S+)/)
  const [, emulator = ''] = await service.waitFor(/the emulator, (http:\S+)/)
  await service.waitFor(/^curl /m)
  const tokens = await fetch(`${emulator}/_emulator/tokens`, { method: 'POST' })
  const { accessToken }: { accessToken: string } = await tokens.json()
  const pair = pairOf(await exchange(url, accessToken))
  expect((await refresh(url, pair.refreshToken)).status).toBe(200)
  expect((await me(url, pair.accessToken)).status).toBe(200)
  expect((await me(url, 'x')).status).toBe(401)
  return (await fetch(`${url}/metrics`)).text()
}

/** Returns the selectors of an expression: a name of ours, of the process or of Node, and its labels with fixed values. */
function selectorsOf(expression: string) {
  const found = expression.matchAll(/\b((?:perennial|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)
  return [...found].map(([, name = '', labels = '']) => ({
    name,
    labels: [...labels.matchAll(/(\w+)="([^"$]*)"/g)].map(([, label, value]) => `${label}="${value}"`),
  }))
}

function expressions(): readonly string[] {
  const dashboard: { panels: { targets: { expr: string }[] }[] } = JSON.parse(read('dashboard.json'))
  const panels = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
  const rules = read('alerts.yaml').matchAll(/expr: (?:\|\n((?: {10,}.*\n)+)|(.*)\n)/g)
  const alerts = [...rules].map(([, block, line]) => (block ?? line ?? '').trim())
  return [...panels, ...alerts]
}

describe('docs/monitoring', () => {
  it('uses only metrics and labels that a real service has, and has a rule or panel for each of ours', async () => {
    const page = await readMetrics()
    const samples = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    const used = expressions().flatMap(selectorsOf)
    expect(expressions().length).toBeGreaterThan(25)
    for (const { name, labels } of used) {
      const matching = samples.filter(
        (sample) => sample.startsWith(`${name}{`) || sample.startsWith(`${name} `),
      )
      expect(matching, name).not.toEqual([])
      const found = matching.filter((sample) => labels.every((label) => sample.includes(label)))
      expect(found, `${name} ${labels.join()}`).not.toEqual([])
    }
    const families = [...page.matchAll(/^# TYPE (perennial_\w+) /gm)].map(([, name = '']) => name)
    expect(families.length).toBeGreaterThan(10)
    for (const family of families)
      expect(
        used.some(({ name }) => name.startsWith(family)),
        `${family} is in no panel and no rule`,
      ).toBe(true)
  })

  it('shows the route, the status and the duration of a request, the store and the version', async () => {
    const page = await readMetrics()
    for (const line of [
      'perennial_http_request_duration_seconds_count{method="POST",route="/v1/auth/refresh-token",status="200"} ',
      'perennial_http_request_duration_seconds_count{method="GET",route="/v1/auth/me",status="401"} 1',
      'perennial_upstream_duration_seconds_count{target="store",outcome="ok"} ',
      'perennial_admin_quota_wait_seconds_count{outcome="granted"} ',
      'perennial_sessions_ended_total{reason="reuse"} 0',
      'perennial_events_total{event="session_reuse_detected",code="none"} 0',
      'perennial_stale_answers_total{use="membership"} 0',
      'perennial_build_info{version="0.1.0",node="',
    ])
      expect(page).toContain(line)
  })

  const hasPromtool = ['/usr/bin/promtool', '/usr/local/bin/promtool'].some((path) => existsSync(path))
  if (!hasPromtool)
    process.stderr.write(
      '\n*** NOT TESTED: the alert rules. Install promtool: apt-get install prometheus\n\n',
    )

  it.runIf(hasPromtool || process.env['CI'])('has rules that promtool accepts, and that fire', async () => {
    const run = (...args: readonly string[]) =>
      promisify(execFile)('promtool', args, { cwd: fileURLToPath(folder) })
    expect((await run('check', 'rules', 'alerts.yaml')).stdout).toContain('SUCCESS: 11 rules found')
    expect((await run('test', 'rules', 'alerts.test.yaml')).stdout).toContain('SUCCESS')
  })
})
