import type { Session, SessionEndReason } from '../../sessions/index.js'

/** Returns the fields of a session's hash. A field that is null is left out. */
export function toFields(session: Session): readonly string[] {
  const { createdAt, lastUsedAt, expiresAt, ...rest } = session
  const whole = {
    ...rest,
    createdAt: Math.floor(createdAt),
    lastUsedAt: Math.floor(lastUsedAt),
    expiresAt: Math.floor(expiresAt),
  }
  return Object.entries(whole).flatMap(([name, value]) => (value === null ? [] : [name, String(value)]))
}

/** A session's hash, parsed. */
export interface SessionReading {
  readonly session: Session
  /** True if it has ended, and its end may not be published. */
  readonly isUnpublished: boolean
}

/** Parses the reply of `HGETALL`; null if there is no such key. */
export function toReading(reply: unknown): SessionReading | null {
  const fields = toMap(reply)
  const id = fields.get('id')
  if (id === undefined) return null
  const number = (name: string) => Number(fields.get(name))
  const numberOrNull = (name: string) => (fields.has(name) ? number(name) : null)
  const session: Session = {
    id,
    memberId: fields.get('memberId') ?? '',
    userAgent: fields.get('userAgent') ?? null,
    createdAt: number('createdAt'),
    lastUsedAt: number('lastUsedAt'),
    expiresAt: number('expiresAt'),
    generation: number('generation'),
    confirmedAt: numberOrNull('confirmedAt'),
    previousConfirmedAt: numberOrNull('previousConfirmedAt'),
    endedAt: numberOrNull('endedAt'),
    endReason: endReasons.find((reason) => reason === fields.get('endReason')) ?? null,
    sealedMember: fields.get('sealedMember') ?? null,
  }
  return { session, isUnpublished: session.endedAt !== null && !fields.has('endTold') }
}

const endReasons: readonly SessionEndReason[] = [
  'sign_out',
  'sign_out_everywhere',
  'reuse',
  'member_deleted',
  'plan_lost',
]

function toMap(reply: unknown): ReadonlyMap<string, string> {
  const flat = Array.isArray(reply) ? reply.map(String) : []
  const fields = new Map<string, string>()
  for (let index = 0; index + 1 < flat.length; index += 2)
    fields.set(flat[index] ?? '', flat[index + 1] ?? '')
  return fields
}
