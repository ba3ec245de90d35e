import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, expect } from 'vitest'
import { createPerennial } from '../src/compose/create-perennial.js'
import type { Perennial } from '../src/http/perennial.js'
import type { PerennialOptions } from '../src/compose/perennial-options.js'
import type { RunningApp } from './mounts.js'

/** Perennial in forward mode, with the emulator as its refresh API, key set and admin API. */
export function createForwardPerennial(
  emulator: Emulator,
  options: Partial<PerennialOptions> = {},
): Promise<Perennial> {
  const { appId, secretKey, adminUrl, jwksUri, refreshUrl, issuer } = emulator
  return createPerennial({
    store: 'memory:',
    ...options,
    memberstack: { appId, secretKey, adminUrl, jwksUri, refreshUrl, issuer, ...options.memberstack },
  })
}

/** An emulator for all tests of a file, and the apps that each test opens. */
export interface ForwardWorld {
  readonly emulator: Emulator
  /** Opens an app of this kind in forward mode, until the test is over. */
  readonly serve: (
    start: (perennial: Perennial) => Promise<RunningApp>,
    options?: Partial<PerennialOptions>,
  ) => Promise<{ readonly url: string; readonly perennial: Perennial }>
}

/** After each test the emulator is as it was at its start. */
export async function startForwardWorld(): Promise<ForwardWorld> {
  const emulator = await startEmulator()
  const closers: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closers.splice(0)) await close()
    emulator.reset()
  })
  afterAll(() => emulator.close())
  return {
    emulator,
    async serve(start, options) {
      const perennial = await createForwardPerennial(emulator, options)
      const { url, close } = await start(perennial)
      closers.push(close, () => perennial.close())
      return { url, perennial }
    },
  }
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: Readonly<Record<string, unknown>>
}

/** Reads an answer whose body is a JSON object, or nothing. */
export async function read(pending: Promise<Response>): Promise<Answer> {
  const response = await pending
  const text = await response.text()
  const body: Record<string, unknown> = text === '' ? {} : JSON.parse(text)
  return { status: response.status, headers: response.headers, text, body }
}

/** `POST /v1/auth/refresh-token`. */
export function refresh(url: string, refreshToken: unknown): Promise<Answer> {
  return read(
    fetch(`${url}/v1/auth/refresh-token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refreshToken }),
    }),
  )
}

/** A GET with an access token, where one is given. */
export function get(url: string, accessToken?: string): Promise<Answer> {
  return read(fetch(url, accessToken ? { headers: { authorization: `Bearer ${accessToken}` } } : {}))
}

/** What a row of the error table says. */
export interface Row {
  readonly status: number
  readonly code: string
  readonly retryable?: boolean
}

/** Holds an answer to its row, and to what all refusals have in common. */
export function expectRow(answer: Answer, row: Row): void {
  const { status, headers, body } = answer
  expect({ status, ...body }).toEqual({ ...row, error: expect.stringMatching(/^[A-Z].+\.$/) })
  expect(headers.get('content-type')).toBe('application/json; charset=utf-8')
  expect(headers.get('cache-control')).toBe('no-store')
  const challenge =
    row.code === 'AUTH_TOKEN_MISSING' ? 'Bearer realm="perennial"' : 'Bearer error="invalid_token"'
  expect(headers.get('www-authenticate')).toBe(status === 401 ? challenge : null)
  if (row.retryable === true) expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  else expect(headers.get('retry-after')).toBeNull()
  expect(headers.get('set-cookie')).toBeNull()
}
