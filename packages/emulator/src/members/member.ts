import { randomBytes } from 'node:crypto'

/** Any JSON value. */
export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** A JSON object. */
export type JsonObject = Readonly<Record<string, JsonValue>>

/** The connection of a member to a plan. */
export interface PlanConnection {
  readonly id: string
  readonly active: boolean
  /** Any text. Memberstack uses `ACTIVE`, `TRIALING`, `PAST_DUE`, `UNPAID`, `CANCELED` and `REQUIRES_PAYMENT`. */
  readonly status: string
  readonly planId: string
  readonly planName: string
  readonly type: string
  readonly payment: JsonObject | null
}

/** The fields of a member that are stored and shown in the same form. */
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

/** A password as the emulator stores it. */
export interface PasswordHash {
  readonly salt: Uint8Array
  readonly hash: Uint8Array
}

/** A member as the emulator stores it. */
export interface MemberRecord extends MemberFields {
  /** Counts up from 1; the value of `endCursor`. */
  readonly order: number
  /** Null for a member without an email address. */
  readonly email: string | null
  readonly password: PasswordHash | null
}

/** A member as the admin API and the webhooks show it. */
export interface AdminMember extends MemberFields {
  readonly auth: { readonly email: string | null }
  readonly stripeCustomerId: null
}

/** A member as the client API shows it: without `json`, with the ways to sign in. */
export interface ClientMember extends Omit<AdminMember, 'auth' | 'json'> {
  readonly auth: {
    readonly email: string | null
    readonly hasPassword: boolean
    readonly providers: readonly never[]
  }
}

/** Creates an id in the form of Memberstack: a prefix and 24 characters of `0-9a-f`. */
export const newId = (prefix: 'mem' | 'con' | 'msg'): string => `${prefix}_${randomBytes(12).toString('hex')}`

/** Returns the member in the form of the admin API. */
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

/** Returns the member in the form of the client API. */
export function clientView(member: MemberRecord): ClientMember {
  const { json: _json, auth, ...shared } = adminView(member)
  return { ...shared, auth: { ...auth, hasPassword: member.password !== null, providers: [] } }
}
