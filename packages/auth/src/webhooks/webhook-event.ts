import { field, isJsonObject, parseJsonObject, type JsonObject } from '../base/json.js'
import { isMemberId } from '../base/formats.js'
import { webhookInvalid } from './webhook-signature.js'

/** The meaning of a webhook. */
export type WebhookEvent =
  | { readonly kind: 'deleted'; readonly memberId: string }
  /** Something may have changed for these members; none, if the event names no member. */
  | {
      readonly kind: 'changed'
      readonly memberIds: readonly string[]
      /** Set if the event is of a kind that is not known: its name, cut at 64 characters. */
      readonly unknownName?: string
    }

/** Events that always name their member. One that does not is broken, not new. */
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

/** Known events whose payload Memberstack does not document. */
const teamEvents: ReadonlySet<string> = new Set(['team.member.added', 'team.member.removed'])

/**
 * Reads the body of a webhook whose signature is valid. An event of an unknown kind is a hint about every member that it
 * names anywhere.
 * @throws {@link AuthError} `AUTH_WEBHOOK_INVALID`: no JSON object, or a member event that names no member
 */
export function webhookEventFrom(rawBody: Uint8Array): WebhookEvent {
  const body = parseJsonObject(new TextDecoder().decode(rawBody))
  const name = field(body, 'event') ?? field(body, 'type')
  if (typeof name !== 'string') throw webhookInvalid('body')
  if (!memberEvents.has(name) && !teamEvents.has(name))
    return { kind: 'changed', memberIds: memberIdsAnywhereIn(body), unknownName: name.slice(0, 64) }
  return knownEventFrom(name, field(body, 'payload') ?? field(body, 'data'))
}

function knownEventFrom(name: string, payload: unknown): WebhookEvent {
  const memberId = isJsonObject(payload) ? memberIdIn(payload) : undefined
  // Of a deletion, which is believed, only the place where the member belongs is read.
  if (name === 'member.deleted' && memberId !== undefined) return { kind: 'deleted', memberId }
  const isHint = name !== 'member.deleted'
  const memberIds = memberId === undefined && isHint ? memberIdsAnywhereIn(payload) : [memberId ?? '']
  if (memberIds.length === 0 && teamEvents.has(name)) return { kind: 'changed', memberIds }
  if (!isMemberId(memberIds[0])) throw webhookInvalid('member_id')
  return { kind: 'changed', memberIds }
}

/** Member events carry it as `id`; plan and team events in `member`, beside ids of other things. */
function memberIdIn(payload: JsonObject): string | undefined {
  const member = field(payload, 'member')
  const places = [
    isJsonObject(member) ? field(member, 'id') : member,
    field(payload, 'memberId'),
    field(payload, 'id'),
  ]
  return places.find(isMemberId)
}

/** More members than this are not read for one event, and no more parts of it are searched. */
const mostMembers = 20
const mostParts = 100_000

/** Returns the ids of members that are values anywhere in this, those of the outer parts first. */
function memberIdsAnywhereIn(value: unknown): readonly string[] {
  const found = new Set<string>()
  const open: unknown[] = [value]
  for (let at = 0; at < open.length && open.length < mostParts && found.size < mostMembers; at++) {
    const part = open[at]
    if (isMemberId(part)) found.add(part)
    else if (typeof part === 'object' && part !== null)
      for (const inner of Object.values(part)) open.push(inner)
  }
  return [...found]
}
