import { describe, expect, it } from 'vitest'
import type { LimitPolicy } from '../limits/limit-counter.js'
import type { RefusalReason } from '../refresh/refresh.js'
import type { SessionEndReason } from '../sessions/session.js'
import { reasonLabel } from './metric-labels.js'

/** Complete by type: a reason that a room adds is missing here before it is missing in the metrics. */
const reasons: Record<RefusalReason | SessionEndReason | LimitPolicy['name'], true> = {
  malformed: true,
  unknown: true,
  expired: true,
  revoked: true,
  reused: true,
  member_deleted: true,
  plan_lost: true,
  claims_refused: true,
  upstream: true,
  sign_out: true,
  sign_out_everywhere: true,
  reuse: true,
  superseded: true,
  operator: true,
  everything: true,
  ip: true,
  ip_refused: true,
  session: true,
}

const tokenReasons = [
  'header',
  'issuer',
  'algorithm',
  'type',
  'key',
  'signature',
  'audience',
  'claims',
  'not_yet_valid',
]

const otherReasons = ['refused', 'contended', 'no_admin_api']
const webhookReasons = ['headers', 'timestamp', 'signature', 'body', 'parsed', 'member_id']
const storeReasons = ['store', 'limits']
const adminReasons = ['admin', 'key_refused', 'quota', 'malformed']

describe('reasonLabel', () => {
  const words = [
    ...Object.keys(reasons),
    ...tokenReasons,
    ...webhookReasons,
    ...storeReasons,
    ...adminReasons,
    ...otherReasons,
  ]
  it.each(words)('knows the reason %s', (reason) => {
    expect(reasonLabel(reason)).toBe(reason)
  })

  it('counts statuses by their class, and reads a hyphen as an underscore', () => {
    expect(reasonLabel('status_503')).toBe('status_5xx')
    expect(reasonLabel('status_404')).toBe('status_4xx')
    expect(reasonLabel('too-large')).toBe('too_large')
  })

  it.each(['mem_cl123', '203.0.113.7', 'status_999', 'status_5000', '', '__proto__', 'toString'])(
    'counts %j, which is none, as other',
    (reason) => {
      expect(reasonLabel(reason)).toBe('other')
    },
  )

  it('says none where there is none', () => {
    expect(reasonLabel(undefined)).toBe('none')
  })
})
