/** A member as `authenticate` puts it on a request. */
export interface MemberstackUser {
  readonly userId: string
  readonly email: string
  readonly roles: readonly string[]
  readonly customFields: Readonly<Record<string, unknown>>
}

const memberIdPattern = /^mem_[A-Za-z0-9_-]{1,128}$/

/** Returns true if the value has the form of a Memberstack member id, and so may stand in a URL. */
export function isMemberId(value: unknown): value is string {
  return typeof value === 'string' && memberIdPattern.test(value)
}
