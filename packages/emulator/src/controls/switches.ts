/** The settings in which Memberstack's documents, versions or apps differ. */
export interface Switches {
  /**
   * The answer of `GET /members/:idOrEmail` for an unknown member: `null` is 200 `{"data": null}`, as SDK 1.7.0 documents;
   * the others are a 404 with that code, as the documents of the REST API have it. @defaultValue `null`
   */
  readonly unknownMember: 'null' | 'member-not-found' | 'generic-message'
  /** The status of `INVALID_TOKEN` at `POST /members/verify-token`. @defaultValue 400 */
  readonly invalidTokenStatus: 400 | 401
  /** `disabled`: a login ends the earlier member JWTs of the member, and so does the switch for all members. @defaultValue `allowed` */
  readonly concurrentLogins: 'allowed' | 'disabled'
  /** The name of the event of a new plan. Older documents name it `member.plan.created`. @defaultValue `member.plan.added` */
  readonly planAddedEvent: 'member.plan.added' | 'member.plan.created'
  /** The lifetime of a member JWT in seconds, as the session length of the dashboard. @defaultValue 1209600, two weeks */
  readonly sessionSeconds: number
}

/** The changes of the switches. A switch that is not named keeps its value. */
export type SwitchChanges = { readonly [Name in keyof Switches]?: Switches[Name] | undefined }

const defaults: Switches = {
  unknownMember: 'null',
  invalidTokenStatus: 400,
  concurrentLogins: 'allowed',
  planAddedEvent: 'member.plan.added',
  sessionSeconds: 14 * 24 * 3600,
}

const oneOf =
  (...allowed: readonly unknown[]) =>
  (value: unknown): string | null =>
    allowed.includes(value) ? null : `must be one of: ${allowed.join(', ')}`

const longestSession = 10 * 365 * 24 * 3600

/** The checks of the switches. Each returns the problem of a value, or null. */
const checks: Readonly<Record<keyof Switches, (value: unknown) => string | null>> = {
  unknownMember: oneOf('null', 'member-not-found', 'generic-message'),
  invalidTokenStatus: oneOf(400, 401),
  concurrentLogins: oneOf('allowed', 'disabled'),
  planAddedEvent: oneOf('member.plan.added', 'member.plan.created'),
  sessionSeconds: (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= longestSession
      ? null
      : `must be a whole number from 1 to ${longestSession}`,
}

const isSwitch = (name: string): name is keyof Switches => Object.hasOwn(checks, name)

/**
 * Returns the switches after the changes.
 * @throws TypeError if a name or a value is not valid.
 */
export function changeSwitches(changes: SwitchChanges, current: Switches = defaults): Switches {
  const named = Object.entries(changes).filter(([, value]) => value !== undefined)
  for (const [name, value] of named) {
    if (!isSwitch(name)) throw new TypeError(`"${name}" is not a switch: ${Object.keys(checks).join(', ')}`)
    const problem = checks[name](value)
    if (problem !== null) throw new TypeError(`${name} ${problem}`)
  }
  return { ...current, ...Object.fromEntries(named) }
}

/** The current switches. */
export interface SwitchBoard {
  readonly read: () => Switches
  /** Changes the switches that are named. @throws TypeError if a name or a value is not valid. */
  readonly set: (changes: SwitchChanges) => Switches
  /** Returns to the switches of the start. */
  readonly reset: () => void
}

/** Creates the board. It calls `onDisabled` when concurrent logins become disabled. */
export function createSwitchBoard(start: Switches, onDisabled: () => void): SwitchBoard {
  let current = start
  return {
    read: () => current,
    set(changes) {
      const before = current
      current = changeSwitches(changes, before)
      const isDisabled = current.concurrentLogins === 'disabled' && before.concurrentLogins === 'allowed'
      if (isDisabled) onDisabled()
      return current
    },
    reset() {
      current = start
    },
  }
}
