/** The claims that an access token may have, beside those of `ACCESS_TOKEN_CLAIMS`. */
const claims = [
  'iss',
  'aud',
  'client_id',
  'sub',
  'sid',
  'gen',
  'mra',
  'jti',
  'iat',
  'exp',
  'email',
  'roles',
  'customFields',
]

/**
 * Describes the issuer of our access tokens for programs that look for its key set (OpenID Connect Discovery 1.0 §3, RFC 8414 §2). We
 * are not an OpenID provider: there is no authorization endpoint and no ID token. The lists without values are required members.
 */
export function describeIssuer(issuer: string): Readonly<Record<string, unknown>> {
  return {
    issuer,
    jwks_uri: `${issuer.replace(/\/$/, '')}/.well-known/jwks.json`,
    response_types_supported: [],
    grant_types_supported: [],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    claims_supported: claims,
  }
}
