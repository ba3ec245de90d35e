/** Keeps a new session. */
export const insertSession = `
  INSERT INTO sessions (id, member_id, user_agent, created_at, last_used_at, expires_at, generation, confirmed_at,
    previous_confirmed_at, ended_at, end_reason, sealed_member)
  VALUES (:id, :memberId, :userAgent, :createdAt, :lastUsedAt, :expiresAt, :generation, :confirmedAt,
    :previousConfirmedAt, :endedAt, :endReason, :sealedMember)`

/** The compare-and-set of a rotation. */
export const advanceSession = `
  UPDATE sessions SET
    generation = :toGeneration,
    confirmed_at = NULL,
    previous_confirmed_at = CASE :toGeneration WHEN generation + 1 THEN coalesce(confirmed_at, :at) ELSE :at END,
    last_used_at = :at,
    sealed_member = coalesce(:sealedMember, sealed_member)
  WHERE id = :id AND generation = :fromGeneration AND ended_at IS NULL AND expires_at > :at
  RETURNING *`

/** The first use of the newest generation. */
export const confirmSession = `
  UPDATE sessions SET confirmed_at = :at
  WHERE id = :id AND generation = :generation AND confirmed_at IS NULL AND ended_at IS NULL`

/** The use of a generation that the store does not know yet. */
export const confirmAhead = `
  UPDATE sessions SET
    generation = :generation,
    confirmed_at = :at,
    previous_confirmed_at = CASE :generation WHEN generation + 1 THEN coalesce(confirmed_at, :at) ELSE :at END,
    last_used_at = :at
  WHERE id = :id AND generation < :generation AND ended_at IS NULL`

/** Ends one session that has not ended. */
export const endSession = `
  UPDATE sessions SET ended_at = :at, end_reason = :reason WHERE id = :id AND ended_at IS NULL`

/** Ends the live sessions of a member. */
export const endMemberSessions = `
  UPDATE sessions SET ended_at = :at, end_reason = :reason
  WHERE member_id = :memberId AND ended_at IS NULL AND expires_at > :at
  RETURNING id`

/** Puts an ended session into the feed that all processes read; one that is in it stays as it is. */
export const insertEnded = `
  INSERT INTO ended_sessions (id, ended_at) VALUES (:id, :at) ON CONFLICT (id) DO NOTHING`

/** Refuses a member's earlier sign-ins; a later refusal is never taken back by an earlier one. */
export const upsertCutoff = `
  INSERT INTO sign_in_cutoffs (member_id, issued_until, set_at) VALUES (:memberId, :issuedUntil, :at)
  ON CONFLICT (member_id) DO UPDATE SET issued_until = max(issued_until, excluded.issued_until), set_at = excluded.set_at`

/** One session. */
export const selectSession = 'SELECT * FROM sessions WHERE id = :id'

/** The live sessions of a member, newest first. */
export const selectLiveOfMember = `
  SELECT * FROM sessions WHERE member_id = :memberId AND ended_at IS NULL AND expires_at > :at
  ORDER BY created_at DESC, row_id DESC`

/** Until when a member's sign-ins are refused. */
export const selectCutoff = 'SELECT issued_until FROM sign_in_cutoffs WHERE member_id = :memberId'

/** The sessions ended at or after an instant. */
export const selectEndedSince = 'SELECT id, ended_at FROM ended_sessions WHERE ended_at >= :at ORDER BY seq'

/** What was added to the feed after a place in it. */
export const selectEndedAfter = 'SELECT seq, id, ended_at FROM ended_sessions WHERE seq > :seq ORDER BY seq'

/** The last place of the feed, swept ones included. */
export const selectLastEnded = `SELECT seq FROM sqlite_sequence WHERE name = 'ended_sessions'`
