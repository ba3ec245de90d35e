/** A team account: an owner whose plan the members of the team share. */
export interface Team {
  readonly id: string
  readonly ownerId: string
  /** The plan that every member of the team gets; null: none. */
  readonly planId: string | null
  /** The highest number of members, the owner included; null: no limit. */
  readonly maxTeamMembers: number | null
  /** Null until the owner generates one. */
  readonly inviteToken: string | null
  /** The members besides the owner, in the order in which they joined. */
  readonly memberIds: readonly string[]
}

/** The teams of the app. */
export interface TeamTable {
  byId(id: string): Team | undefined
  byInviteToken(inviteToken: string): Team | undefined
  /** Returns the team that the member owns or has joined. */
  ofMember(memberId: string): Team | undefined
  /** Adds the team, or replaces the one with the same id. */
  put(team: Team): Team
  remove(team: Team): void
  clear(): void
}

/** Creates an empty table. */
export function createTeamTable(): TeamTable {
  const teams = new Map<string, Team>()
  const find = (isWanted: (team: Team) => boolean): Team | undefined => [...teams.values()].find(isWanted)
  return {
    byId: (id) => teams.get(id),
    byInviteToken: (inviteToken) => find((team) => team.inviteToken === inviteToken),
    ofMember: (memberId) =>
      find(({ ownerId, memberIds }) => ownerId === memberId || memberIds.includes(memberId)),
    put(team) {
      teams.set(team.id, team)
      return team
    },
    remove({ id }) {
      teams.delete(id)
    },
    clear: () => teams.clear(),
  }
}
