import { expect } from 'vitest'
import type { Emulator } from '@perennial/emulator'
import { createPerennial } from '../src/create-perennial.js'
import type { Perennial } from '../src/perennial.js'
import type { PerennialOptions } from '../src/perennial-options.js'

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
  const challenge = row.code === 'AUTH_TOKEN_MISSING' ? 'Bearer' : 'Bearer error="invalid_token"'
  expect(headers.get('www-authenticate')).toBe(status === 401 ? challenge : null)
  if (row.retryable === true) expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  else expect(headers.get('retry-after')).toBeNull()
  expect(headers.get('set-cookie')).toBeNull()
}
