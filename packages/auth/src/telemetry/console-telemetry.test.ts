import { describe, expect, it } from 'vitest'
import { createConsoleTelemetry } from './console-telemetry.js'
import type { AuthEvent } from './events.js'

function setUp() {
  const lines: string[] = []
  const telemetry = createConsoleTelemetry((line) => lines.push(line))
  const emit = (event: Partial<AuthEvent>) =>
    telemetry.emit({ event: 'auth_failure', timestamp: '2026-01-02T03:04:05Z', requestId: 'r', ...event })
  return { lines, emit }
}

describe('createConsoleTelemetry', () => {
  it('writes one line for a mistake that would stay silent, however often it happens', () => {
    const { lines, emit } = setUp()
    for (let i = 0; i < 100; i += 1) {
      emit({ event: 'upstream_failure', target: 'admin', reason: 'key_refused' })
      emit({ code: 'AUTH_TOKEN_INVALID', reason: 'issuer' })
      emit({ code: 'AUTH_TOKEN_INVALID', reason: 'audience' })
      emit({ event: 'upstream_failure', target: 'admin', reason: 'status_503' })
      emit({ event: 'upstream_failure', target: 'admin', reason: 'status_500' })
    }
    expect(lines).toHaveLength(4)
    expect(lines[0]).toMatch(/refuses the secret key\. Check memberstack\.secretKey/)
    expect(lines[1]).toMatch(/member JWT of Memberstack\. Exchange it first/)
    expect(lines[2]).toMatch(/Check memberstack\.appId/)
    expect(lines[3]).toMatch(/admin API of Memberstack cannot be used \(status_5xx\)/)
  })

  it('writes nothing for what happens every day', () => {
    const { lines, emit } = setUp()
    emit({ event: 'auth_success' })
    emit({ event: 'token_refreshed', how: 'rotated' })
    emit({ code: 'AUTH_TOKEN_EXPIRED', reason: 'expired' })
    emit({ code: 'AUTH_TOKEN_MISSING', reason: 'missing' })
    emit({ event: 'rate_limited', code: 'AUTH_RATE_LIMITED', reason: 'ip' })
    expect(lines).toEqual([])
  })

  it('writes nothing of what an event carries', () => {
    const { lines, emit } = setUp()
    emit({ event: 'upstream_failure', target: 'store', reason: 'store', error: 'canary', memberId: 'canary' })
    expect(lines.join()).not.toContain('canary')
    expect(lines).toHaveLength(1)
  })
})
