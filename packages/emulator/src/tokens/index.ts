export { createLogins, type Logins } from './logins.js'
export { createMemberTokens, type MemberTokens } from './member-tokens.js'
export { createSigningKeys, type SigningKeys } from './signing-keys.js'
export {
  createRefreshTokens,
  issuePair,
  refreshedTokenSeconds,
  refreshPair,
  type RefreshTokens,
  type TokenPair,
  type TokenPairRequest,
  type TokenWorld,
} from './token-pairs.js'
