import {
  judgeAccessToken,
  judgeMemberToken,
  systemClock,
  type AccessTokenJudgement,
  type AccessTokenProblem,
  type MemberTokenProblem,
} from '@perennial/auth'
import { withStore, type Deployment } from './deployment.js'
import { endOf, shortKey, show, untilNow, when, type Findings } from './findings.js'

/** Explains a JWT by the judgements that the service itself makes: of a protected route, and of the exchange. */
export async function explainJwt(text: string, deployment: Deployment): Promise<Findings> {
  const { mode, ownIssuer, memberstackIssuer, appId, config } = deployment
  const issuer = mode === 'session' ? ownIssuer : memberstackIssuer
  const judge = (known: Parameters<typeof judgeAccessToken>[1]['known']) =>
    judgeAccessToken(text, { mode, issuer, appId, clock: systemClock, known })
  const found =
    mode === 'session' ? await withStore(deployment, judge) : await judgeByPinnedKeys(config, judge)
  const judgement = typeof found === 'string' ? await judge(null) : found
  const iss = judgement.token?.claims['iss']
  const lines = [`Kind: ${kindOf(iss, deployment)}`, ...describe(judgement)]
  if (iss === memberstackIssuer && mode === 'session') {
    const { signInMaxAgeSeconds } = config.perennial
    const rules = { appId, memberstackIssuer, signInMaxAgeSeconds, clock: systemClock }
    lines.push(`At the exchange: ${explainExchange(judgeMemberToken(text, rules), judgement, deployment)}`)
  }
  const canRefresh = judgement.problems.every(({ reason }) => reason !== 'issuer')
  const refusals = judgement.problems.map((problem) => {
    const advice = problem.reason === 'expired' && canRefresh ? ' Refresh it.' : ''
    return `${explainProblem(problem, judgement, deployment)}${advice}`
  })
  return { lines, refusals, unchecked: typeof found === 'string' ? found : undefined }
}

async function judgeByPinnedKeys<T>(
  { memberstack }: Deployment['config'],
  judge: (known: { readonly jwks: string }) => Promise<T>,
): Promise<T | string> {
  const jwks = memberstack.kind === 'memberstack' ? memberstack.jwks : undefined
  if (jwks !== undefined) return await judge({ jwks })
  return 'the signature; its keys are at MEMBERSTACK_JWKS_URI, which only the service reads'
}

function kindOf(iss: unknown, { ownIssuer, memberstackIssuer }: Deployment): string {
  if (iss === ownIssuer) return 'an access token of ours'
  return iss === memberstackIssuer ? 'a member JWT of Memberstack' : 'a JWT of another issuer'
}

function describe({ token, session }: AccessTokenJudgement): string[] {
  if (!token) return []
  const { sub, id, email, roles, iat, exp } = token.claims
  const lines = [`Member: ${show(sub ?? id)}${email === undefined ? '' : `, ${show(email)}`}`]
  if (Array.isArray(roles)) lines.push(`Roles: ${roles.map(show).join(', ') || 'none'}`)
  if (typeof iat === 'number') lines.push(`Issued: ${when(iat)}`)
  if (typeof exp === 'number') lines.push(`Expires: ${when(exp)}`)
  if (session)
    lines.push(
      `Session: ${session.id} of ${session.memberId}, last refreshed ${untilNow(session.lastUsedAt)} ago`,
    )
  return [...lines, ...describeKey(token.claims['cnf'], session)]
}

/** Describes the key that the token, or the refresh token of its session, is bound to (RFC 9449). */
function describeKey(cnf: unknown, session: AccessTokenJudgement['session']): string[] {
  const jkt: unknown = typeof cnf === 'object' && cnf !== null && 'jkt' in cnf ? cnf.jkt : undefined
  if (typeof jkt === 'string')
    return [`Key: ${show(shortKey(jkt))}; a request with it needs a DPoP proof by that key`]
  if (!session) return []
  if (session.jkt === null) return ['Key: none; the session is not bound']
  return [`Key: ${shortKey(session.jkt)}; a refresh of its session needs a DPoP proof by that key`]
}

/** Explains the answer of `POST /v1/auth/session` to a member JWT, as far as it is known without Memberstack. */
function explainExchange(
  problem: MemberTokenProblem | null,
  judgement: AccessTokenJudgement,
  deployment: Deployment,
): string {
  if (problem === null)
    return 'its content is no reason to refuse it. Not checked: the signature, which Memberstack verifies, and whether the member has signed out everywhere since.'
  const advice = problem.reason === 'expired' ? ' Sign in again.' : ''
  return `refused, ${explainProblem(problem, judgement, deployment)}${advice}`
}

/** Explanations that need nothing of the token. */
const fixed = {
  malformed:
    'it is not a JWT in its canonical form: there is padding, a stray bit, or a part that is no JSON object',
  key: 'none of our keys has its kid: another deployment signed it, the key was removed, or no secret of PERENNIAL_SECRET opens it',
  signature: 'its signature is wrong: it was changed on the way, or forged',
}

/** Explains a problem in a line that begins with the code of the response. */
function explainProblem(
  problem: AccessTokenProblem | MemberTokenProblem,
  judgement: AccessTokenJudgement,
  deployment: Deployment,
): string {
  if (problem.reason === 'revoked') return `AUTH_TOKEN_REVOKED: ${endOf(problem.session)}. Sign in again.`
  if (problem.reason === 'outdated')
    return `AUTH_TOKEN_EXPIRED: the roles or plans of its member changed ${untilNow(problem.changedAt)} ago, after they were read for it. Refresh it.`
  if (problem.reason === 'expired')
    return `AUTH_TOKEN_EXPIRED: ${whyExpired(problem.expiresAt, judgement.token?.claims['exp'])}.`
  if (problem.reason === 'too_old')
    return `AUTH_TOKEN_EXPIRED: it is ${untilNow(problem.issuedAt)} old, and SIGN_IN_MAX_AGE_SECONDS is ${problem.maxAgeSeconds}. Sign in again.`
  if (problem.reason === 'malformed' || problem.reason === 'key' || problem.reason === 'signature')
    return `AUTH_TOKEN_INVALID: ${fixed[problem.reason]}.`
  return `AUTH_TOKEN_INVALID: ${whyInvalid(problem, judgement, deployment)}.`
}

function whyInvalid(
  problem: Exclude<
    AccessTokenProblem | MemberTokenProblem,
    { readonly reason: 'revoked' | 'outdated' | 'expired' | 'too_old' | 'malformed' | 'key' | 'signature' }
  >,
  { token }: AccessTokenJudgement,
  deployment: Deployment,
): string {
  const { header, claims } = token ?? { header: {}, claims: {} }
  switch (problem.reason) {
    case 'algorithm':
      return `its algorithm is ${show(header['alg'])}, not ${problem.wanted.join(' or ')}`
    case 'type':
      return `its type is ${show(header['typ'])}, not ${problem.wanted}`
    case 'header':
      return `its header has ${problem.parameters.join(', ')}, which is never accepted`
    case 'issuer':
      return whyForeign(claims['iss'], deployment)
    case 'audience':
      return `it is for ${show(claims['aud'])}, another app: this deployment is ${problem.wanted}`
    case 'claims':
      return 'claims' in problem
        ? `its claims ${problem.claims.join(', ')} are missing or not valid`
        : 'one of id, type, iat, exp, nbf, aud and iss is missing or not valid'
    case 'not_yet_valid':
      return `it becomes valid in ${untilNow(problem.validFrom)}; compare the clocks`
  }
  return problem satisfies never
}

function whyExpired(expiresAt: number, exp: unknown): string {
  const isByRule = typeof exp === 'number' && exp > expiresAt
  const rule = isByRule ? ', one hour after its issue, although its own exp is later' : ''
  return `it ended ${untilNow(expiresAt)} ago${rule}`
}

function whyForeign(iss: unknown, { mode, ownIssuer, memberstackIssuer }: Deployment): string {
  if (iss === memberstackIssuer && mode === 'session')
    return 'a member JWT opens no route in session mode; exchange it at POST /v1/auth/session'
  if (iss === ownIssuer && mode === 'forward') return 'in forward mode only member JWTs open a route'
  return `its issuer is ${show(iss)}; the issuers of this deployment are ${ownIssuer} and ${memberstackIssuer}`
}
