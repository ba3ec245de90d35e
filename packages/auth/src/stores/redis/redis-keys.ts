/**
 * The names of all keys. What stands in braces decides the node of a Cluster (the hash tag), so that whatever one
 * script touches lies together: a session by itself, and a member's index beside his refused sign-ins.
 */
export const redisKeys = {
  session: (id: string): string => `perennial:session:{${tag(id)}}`,
  memberSessions: (memberId: string): string => `perennial:member:{${tag(memberId)}}:sessions`,
  memberCutoff: (memberId: string): string => `perennial:member:{${tag(memberId)}}:cutoff`,
  ended: 'perennial:{ended}',
  signingKeys: 'perennial:{signing-keys}:keys',
  signingKeyOrder: 'perennial:{signing-keys}:order',
  webhook: (messageId: string): string => `perennial:webhook:{${tag(messageId)}}`,
  answer: (key: string): string => `perennial:answer:{${tag(key)}}`,
  /** What those who still wait are told of a call whose answer is not kept. */
  answerTold: (key: string): string => `perennial:answer:{${tag(key)}}:told`,
  adminPlaces: (egress: string): string => `perennial:{admin-quota:${tag(egress)}}:places`,
  adminPause: (egress: string): string => `perennial:{admin-quota:${tag(egress)}}:pause`,
  check: 'perennial:check',
  /** When a move from another store began. */
  move: 'perennial:{move}',
} as const

/** Pub/sub channels. */
export const redisChannels = {
  ended: 'perennial:ended',
  answer: (key: string): string => `perennial:answer:${tag(key)}`,
} as const

/** A brace in it would move the tag's end, and an empty tag is none. Half a surrogate pair is none of our ids. */
function tag(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString()) || '%'
}
