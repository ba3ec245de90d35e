/** A member of the emulator who can sign in on the page. */
export interface DemoMember {
  /** The local part of the member's e-mail address, used in routes and element ids. */
  readonly key: string
  readonly name: string
  readonly memberId: string
}

/** The members of the emulator's default seed: an admin, and one with neither that role nor a plan. */
export const demoMembers: readonly DemoMember[] = [
  { key: 'ada', name: 'Ada', memberId: 'mem_ada' },
  { key: 'bob', name: 'Bob', memberId: 'mem_bob' },
]
