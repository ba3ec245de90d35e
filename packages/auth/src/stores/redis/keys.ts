/**
 * The names of all keys. The part in braces (the hash tag) selects the node of a Cluster, so the keys of one script are
 * on one node: a session by itself, and the index of a member beside the cutoff of its sign-ins.
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
  /** The answer of a call that is not kept, for the callers that still wait for it. */
  answerTold: (key: string): string => `perennial:answer:{${tag(key)}}:told`,
  adminPlaces: (egress: string): string => `perennial:{admin-quota:${tag(egress)}}:places`,
  adminPause: (egress: string): string => `perennial:{admin-quota:${tag(egress)}}:pause`,
  /** Not one node for all: every count stands alone. */
  limit: (name: string, key: string): string => `perennial:limit:${name}:${key}`,
  check: 'perennial:check',
  /** The start of a move from another store. */
  move: 'perennial:{move}',
} as const

/** Pub/sub channels. */
export const redisChannels = {
  ended: 'perennial:ended',
  answer: (key: string): string => `perennial:answer:${tag(key)}`,
} as const

/** Encodes braces, which would end the tag early, and replaces the empty text, since an empty tag does not count. */
function tag(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString()) || '%'
}
