/** The parts of packages/auth that its doors do not export. No other file of the bench imports them: a move costs one line. */
export { hasPostgres, startPostgres, type PostgresServer } from '../../packages/auth/test/kit/postgres.ts'
export { createProver, type Prover } from '../../packages/auth/test/kit/proofs.ts'
export { startRedis, type RedisServer } from '../../packages/auth/test/kit/redis.ts'
export { sealSnapshot } from '../../packages/auth/src/members/membership.ts'
export { createSecrets, decodeSecrets, type Secrets } from '../../packages/auth/src/base/secrets.ts'
export { formatRefreshToken, parseRefreshToken } from '../../packages/auth/src/sessions/refresh-token.ts'
export { claimStore, type ClaimedStore } from '../../packages/auth/src/stores/claim-store.ts'
export { beginSession, type Session } from '../../packages/auth/src/sessions/session.ts'
