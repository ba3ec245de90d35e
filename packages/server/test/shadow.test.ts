import { createPerennial, type AuthRequest, type Perennial } from '@perennial/auth'
import type { AuthEvent } from '@perennial/auth/telemetry'
import { startEmulator } from '@perennial/emulator'
import { expect, it, onTestFinished, vi } from 'vitest'

interface World {
  readonly perennial: Perennial
  readonly events: AuthEvent[]
  readonly clock: { now: number }
  readonly signIn: () => Promise<string>
}

async function open(
  options: { readonly secretKey?: string; readonly isSilent?: boolean } = {},
): Promise<World> {
  const emulator = await startEmulator()
  const events: AuthEvent[] = []
  const clock = { now: Date.now() / 1000 }
  const { appId, adminUrl, secretKey } = emulator
  const telemetry = { emit: (event: AuthEvent) => void events.push(event), observeUpstream: () => {} }
  const perennial = await createPerennial({
    store: 'memory:',
    memberstack: { appId, adminUrl, secretKey: options.secretKey ?? secretKey },
    clock: () => clock.now,
    ...(options.isSilent ? {} : { telemetry }),
  })
  onTestFinished(async () => {
    await perennial.close()
    await emulator.close()
  })
  const signIn = async () => {
    const { accessToken } = await emulator.issueTokens()
    const answer = await send(perennial, '/session', { authorization: `Bearer ${accessToken}` })
    return String(JSON.parse(answer).refreshToken)
  }
  return { perennial, events, clock, signIn }
}

async function send(
  perennial: Perennial,
  path: string,
  headers: Readonly<Record<string, string>>,
  { ip = '192.0.2.1', body = '' } = {},
): Promise<string> {
  const request: AuthRequest = {
    method: 'POST',
    path,
    ip,
    requestId: 'r',
    header: (name) => ({ 'content-type': 'application/json', ...headers })[name],
    readBody: async () => ({ kind: 'bytes', bytes: new TextEncoder().encode(body) }),
  }
  return (await perennial.handle(request)).body ?? ''
}

const refresh = async (perennial: Perennial, refreshToken: string, ip: string): Promise<string> =>
  String(
    JSON.parse(await send(perennial, '/refresh-token', {}, { ip, body: JSON.stringify({ refreshToken }) }))
      .refreshToken,
  )

it('reports once that another address follows a session in several generations, and ends nothing', async () => {
  const { perennial, events, clock, signIn } = await open()
  let token = await signIn()
  for (let hour = 0; hour < 6; hour += 1) {
    clock.now += 600
    const next = await refresh(perennial, token, '192.0.2.1')
    clock.now += 10
    expect(await refresh(perennial, token, '203.0.113.9')).toBe(next)
    token = next
  }
  const suspected = events.filter(({ event }) => event === 'session_shadow_suspected')
  expect(suspected).toEqual([
    expect.objectContaining({ memberId: 'mem_ada', sessionId: expect.any(String), reason: 'followed' }),
  ])
  expect(JSON.stringify(events)).not.toMatch(/192\.0\.2\.1|203\.0\.113\.9/)
})

it('reports nothing if a member repeats requests from the same address', async () => {
  const { perennial, events, clock, signIn } = await open()
  let token = await signIn()
  for (let hour = 0; hour < 6; hour += 1) {
    clock.now += 600
    const next = await refresh(perennial, token, '192.0.2.1')
    expect(await refresh(perennial, token, '192.0.2.1')).toBe(next)
    token = next
  }
  expect(events.map(({ event }) => event)).not.toContain('session_shadow_suspected')
})

it('writes one line on the console in development if no telemetry is set and the secret key is refused', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  onTestFinished(() => warn.mockRestore())
  const { signIn } = await open({ secretKey: 'sk_sb_wrong', isSilent: true })
  for (let attempt = 0; attempt < 3; attempt += 1) await signIn().catch(() => {})
  expect(warn.mock.calls).toEqual([
    [expect.stringMatching(/^\[perennial\] Memberstack refuses the secret key/)],
  ])
})
