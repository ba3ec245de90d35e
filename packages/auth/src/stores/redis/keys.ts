/** The names of the keys and channels of one deployment. */
export interface RedisKeys {
  readonly session: (id: string) => string
  /** Matches the names of all sessions. */
  readonly everySession: string
  /** The live sessions of a member that began in this epoch. */
  readonly memberSessions: (memberId: string, epoch: number) => string
  readonly memberCutoff: (memberId: string) => string
  /** Matches the names of all cutoffs. */
  readonly everyCutoff: string
  /** Returns the member of a cutoff; null for a name of another kind. */
  readonly memberOfCutoff: (name: string) => string | null
  readonly ended: string
  /** The ended sessions in the order in which Redis learned of them. */
  readonly endedLog: string
  readonly epoch: string
  /** The live sessions of the present epoch, by their expiry. */
  readonly liveSessions: string
  readonly owner: string
  readonly signingKeys: string
  readonly signingKeyOrder: string
  /** The keys and their order as versions without owners stored them. */
  readonly earlierSigningKeys: string
  readonly earlierSigningKeyOrder: string
  readonly webhook: (messageId: string) => string
  /** Matches the names of all webhook messages. */
  readonly everyWebhook: string
  /** Returns the message of such a name; null for a name of another kind. */
  readonly messageOfWebhook: (name: string) => string | null
  readonly usedProof: (id: string) => string
  readonly answer: (key: string) => string
  /** The answer of a call that is not kept, for the callers that still wait for it. */
  readonly answerTold: (key: string) => string
  readonly adminPlaces: (egress: string) => string
  /** The places of sign-ins and look-ups among them, and the callers that want one. */
  readonly adminOtherPlaces: (egress: string) => string
  readonly adminWanting: (egress: string) => string
  readonly adminPause: (egress: string) => string
  /** Not one node for all: every count stands alone. */
  readonly limit: (name: string, key: string) => string
  readonly check: string
  /** The start of a move from another store. */
  readonly move: string
  /** The pub/sub channel of ended sessions. */
  readonly endedChannel: string
  /** The one of versions without owners: who subscribes to it is an instance of such a version. */
  readonly earlierEndedChannel: string
  readonly answerChannel: (key: string) => string
}

/**
 * Creates the names. The part in braces (the hash tag) selects the node of a Cluster, so the keys of one script are on one
 * node: a session by itself, and the index of a member beside the cutoff of its sign-ins.
 */
export function createRedisKeys(prefix: string): RedisKeys {
  return {
    session: (id) => `${prefix}:session:{${tag(id)}}`,
    everySession: `${prefix}:session:*`,
    memberSessions: (memberId, epoch) =>
      `${prefix}:member:{${tag(memberId)}}:live${epoch === 0 ? '' : `:${epoch}`}`,
    memberCutoff: (memberId) => `${prefix}:member:{${tag(memberId)}}:cutoff`,
    everyCutoff: `${prefix}:member:{*}:cutoff`,
    memberOfCutoff: (name) => tagged(name, [`${prefix}:member:{`, '}:cutoff']),
    ended: `${prefix}:{ended}`,
    endedLog: `${prefix}:{ended}:log`,
    epoch: `${prefix}:{ended}:epoch`,
    liveSessions: `${prefix}:{ended}:live`,
    owner: `${prefix}:{signing-keys}:owner`,
    signingKeys: `${prefix}:{signing-keys}:sealed`,
    signingKeyOrder: `${prefix}:{signing-keys}:kids`,
    earlierSigningKeys: `${prefix}:{signing-keys}:keys`,
    earlierSigningKeyOrder: `${prefix}:{signing-keys}:order`,
    webhook: (messageId) => `${prefix}:webhook:{${tag(messageId)}}`,
    everyWebhook: `${prefix}:webhook:{*}`,
    messageOfWebhook: (name) => tagged(name, [`${prefix}:webhook:{`, '}']),
    usedProof: (id) => `${prefix}:proof:{${tag(id)}}`,
    answer: (key) => `${prefix}:answer:{${tag(key)}}`,
    answerTold: (key) => `${prefix}:answer:{${tag(key)}}:told`,
    adminPlaces: (egress) => `${prefix}:{admin-quota:${tag(egress)}}:places`,
    adminOtherPlaces: (egress) => `${prefix}:{admin-quota:${tag(egress)}}:other-places`,
    adminWanting: (egress) => `${prefix}:{admin-quota:${tag(egress)}}:wanting`,
    adminPause: (egress) => `${prefix}:{admin-quota:${tag(egress)}}:pause`,
    limit: (name, key) => `${prefix}:limit:${name}:${key}`,
    check: `${prefix}:check`,
    move: `${prefix}:{move}`,
    endedChannel: `${prefix}:ended-sessions`,
    earlierEndedChannel: `${prefix}:ended`,
    answerChannel: (key) => `${prefix}:answer:${tag(key)}`,
  }
}

/** Encodes braces, which would end the tag early, and replaces the empty text, since an empty tag does not count. */
function tag(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString()) || '%'
}

/** Returns the text in the tag of a name; null if it has other parts before and after the tag. */
function tagged(name: string, [before, after]: readonly [string, string]): string | null {
  if (!name.startsWith(before) || !name.endsWith(after)) return null
  const text = name.slice(before.length, -after.length)
  try {
    return text === '%' ? '' : decodeURIComponent(text)
  } catch {
    // Not written by us.
    return null
  }
}
