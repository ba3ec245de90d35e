import { field, isJsonObject, parseJsonObject, type JsonObject } from '../base/json.js'
import { isMemberId } from '../base/formats.js'
import { webhookInvalid } from './webhook-signature.js'

/** The meaning of a webhook. */
export type WebhookEvent =
  | { readonly kind: 'deleted' | 'changed'; readonly memberId: string }
  /** The event does not concern members. */
  | { readonly kind: 'other' }

/** Events that always name a member. One that does not is broken, not new. */
const memberEvents: ReadonlySet<string> = new Set([
  'member.created',
  'member.updated',
  'member.deleted',
  'member.plan.created',
  'member.plan.added',
  'member.plan.updated',
  'member.plan.replaced',
  'member.plan.canceled',
])

/**
 * Reads the body of a webhook whose signature is valid. An unknown event about members is a hint too, if it names a member.
 * @throws {@link AuthError} `AUTH_WEBHOOK_INVALID`: no JSON object, or a member event that names no member
 */
export function webhookEventFrom(rawBody: Uint8Array): WebhookEvent {
  const body = parseJsonObject(new TextDecoder().decode(rawBody))
  const name = field(body, 'event') ?? field(body, 'type')
  if (typeof name !== 'string') throw webhookInvalid('body')
  if (!/^(team\.)?member\./.test(name)) return { kind: 'other' }
  const payload = field(body, 'payload') ?? field(body, 'data')
  const memberId = isJsonObject(payload) ? memberIdIn(payload) : undefined
  if (memberId !== undefined) return { kind: name === 'member.deleted' ? 'deleted' : 'changed', memberId }
  if (memberEvents.has(name)) throw webhookInvalid('member_id')
  return { kind: 'other' }
}

/** Member events carry it as `id`; plan events in `member`, beside ids of other things. */
function memberIdIn(payload: JsonObject): string | undefined {
  const member = field(payload, 'member')
  const places = [
    isJsonObject(member) ? field(member, 'id') : member,
    field(payload, 'memberId'),
    field(payload, 'id'),
  ]
  return places.find(isMemberId)
}
