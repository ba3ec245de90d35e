import type { PasswordHash } from './passwords.js'

/** Anything JSON can say. */
export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** A JSON object. */
export type JsonObject = Readonly<Record<string, JsonValue>>

/** A member's hold on a plan. */
export interface PlanConnection {
  readonly id: string
  readonly active: boolean
  /** `ACTIVE`, `CANCELED`, `TRIALING`, `PAST_DUE`, `UNPAID` … */
  readonly status: string
  readonly planId: string
  readonly planName: string
  readonly type: string
  readonly payment: JsonObject | null
}

/** What is kept and shown of a member alike. */
interface MemberFields {
  readonly id: string
  readonly verified: boolean
  /** ISO 8601. */
  readonly createdAt: string
  /** ISO 8601. */
  readonly lastLogin: string | null
  readonly permissions: readonly string[]
  readonly customFields: JsonObject
  readonly metaData: JsonObject
  readonly json: JsonObject
  readonly loginRedirect: string | null
  readonly profileImage: string | null
  readonly planConnections: readonly PlanConnection[]
}

/** A member as the emulator keeps it. */
export interface MemberRecord extends MemberFields {
  /** Counts up from 1; what `endCursor` tells. */
  readonly order: number
  readonly email: string
  readonly password: PasswordHash | null
}

/** A member as the admin API and the webhooks show it. */
export interface AdminMember extends MemberFields {
  readonly auth: { readonly email: string }
  readonly stripeCustomerId: null
}

/** A member as the browser sees it: what the admin API shows, and how one signs in, but not `json`. */
export interface ClientMember extends Omit<AdminMember, 'auth' | 'json'> {
  readonly auth: {
    readonly email: string
    readonly hasPassword: boolean
    readonly providers: readonly never[]
  }
}

/** The view of `@memberstack/admin`. */
export function adminView(member: MemberRecord): AdminMember {
  return {
    id: member.id,
    auth: { email: member.email },
    verified: member.verified,
    createdAt: member.createdAt,
    lastLogin: member.lastLogin,
    permissions: member.permissions,
    customFields: member.customFields,
    metaData: member.metaData,
    json: member.json,
    loginRedirect: member.loginRedirect,
    profileImage: member.profileImage,
    stripeCustomerId: null,
    planConnections: member.planConnections,
  }
}

/** The view of `@memberstack/dom`. */
export function clientView(member: MemberRecord): ClientMember {
  const { json: _json, auth, ...shared } = adminView(member)
  return { ...shared, auth: { ...auth, hasPassword: member.password !== null, providers: [] } }
}
