import {
  judgeAccessToken,
  judgeMemberToken,
  systemClock,
  type AccessTokenJudgement,
  type AccessTokenProblem,
  type MemberTokenProblem,
} from '@perennial/auth'
import { appIdOf } from '../config/index.js'
import { endOf, show, untilNow, when, type Findings } from './findings.js'
import { withKnown, type Deployment } from './look-up.js'

/** Explains a JWT by the judgements that the service itself makes: of a protected route, and of the exchange. */
export async function explainJwt(text: string, deployment: Deployment): Promise<Findings> {
  const { mode, config } = deployment
  const names = namesOf(deployment)
  const { own, memberstack, appId } = names
  const options = { mode, issuer: mode === 'session' ? own : memberstack, appId, clock: systemClock }
  const byContent = await judgeAccessToken(text, { ...options, known: null })
  // No key and no session changes the answer to these.
  const isFinal = byContent.problems.some(({ reason }) => reason === 'malformed' || reason === 'issuer')
  const found = isFinal
    ? byContent
    : await withKnown(deployment, (known) => judgeAccessToken(text, { ...options, known }))
  const judgement = typeof found === 'string' ? byContent : found
  const iss = judgement.token?.claims['iss']
  const lines = [`Kind: ${kindOf(iss, names)}`, ...describe(judgement)]
  if (iss === memberstack && mode === 'session') {
    const { signInMaxAgeSeconds } = config.perennial
    const rules = { appId, memberstackIssuer: memberstack, signInMaxAgeSeconds, clock: systemClock }
    lines.push(`At the exchange: ${explainExchange(judgeMemberToken(text, rules))}`)
  }
  const refusals = judgement.problems.map((problem) => explainProblem(problem, judgement, names))
  return { lines, refusals, unchecked: typeof found === 'string' ? found : undefined }
}

/** The names that tokens of the deployment contain. */
interface Names {
  readonly mode: Deployment['mode']
  readonly own: string
  readonly memberstack: string
  readonly appId: string
}

function namesOf({ mode, config }: Deployment): Names {
  const { memberstack, perennial } = config
  const own = perennial.issuer ?? 'perennial'
  const known = memberstack.kind === 'memberstack' ? memberstack : {}
  const { issuer = 'https://api.memberstack.com' }: { readonly issuer?: string | undefined } = known
  return { mode, own, memberstack: issuer, appId: appIdOf(config) }
}

function kindOf(iss: unknown, { own, memberstack }: Names): string {
  if (iss === own) return 'an access token of ours'
  return iss === memberstack ? 'a member JWT of Memberstack' : 'a JWT of another issuer'
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
  return lines
}

const malformed =
  'it is not a JWT in its canonical form: there is padding, a stray bit, or a part that is no JSON object.'

/** Explains one problem in a line that begins with the code of the answer. */
function explainProblem(
  problem: AccessTokenProblem,
  { token, problems }: AccessTokenJudgement,
  names: Names,
): string {
  if (!token) return `AUTH_TOKEN_INVALID: ${malformed}`
  if (problem.reason === 'revoked') return `AUTH_TOKEN_REVOKED: ${endOf(problem.session)}. Sign in again.`
  if (problem.reason === 'issuer') return `AUTH_TOKEN_INVALID: ${whyForeign(token.claims['iss'], names)}`
  if (problem.reason === 'not_yet_valid') return `AUTH_TOKEN_INVALID: ${whyEarly(problem)}`
  if (problem.reason !== 'expired') return `AUTH_TOKEN_INVALID: ${whyInvalid(problem, token)}`
  const exp = token.claims['exp']
  const isByRule = typeof exp === 'number' && exp > problem.expiresAt
  const rule = isByRule ? ', one hour after its issue, although its own exp is later' : ''
  const advice = problems.some(({ reason }) => reason === 'issuer') ? '' : ' Refresh it.'
  return `AUTH_TOKEN_EXPIRED: it ended ${untilNow(problem.expiresAt)} ago${rule}.${advice}`
}

function whyInvalid(
  problem: Exclude<
    AccessTokenProblem,
    { readonly reason: 'revoked' | 'issuer' | 'not_yet_valid' | 'expired' }
  >,
  { header, claims }: NonNullable<AccessTokenJudgement['token']>,
): string {
  switch (problem.reason) {
    case 'algorithm':
      return `its algorithm is ${show(header['alg'])}, not ${problem.wanted.join(' or ')}.`
    case 'type':
      return `its type is ${show(header['typ'])}, not ${problem.wanted}.`
    case 'header':
      return `its header has ${problem.parameters.join(', ')}, which is never accepted.`
    case 'audience':
      return `it is for ${show(claims['aud'])}, and this deployment is ${problem.wanted}.`
    case 'claims':
      return `its claims ${problem.claims.join(', ')} are missing or not valid.`
    case 'key':
      return 'none of our keys has its kid: another deployment signed it, the key was removed, or no secret of PERENNIAL_SECRET opens it.'
    case 'signature':
      return 'its signature is wrong: it was changed on the way, or forged.'
    case 'malformed':
      return malformed
  }
  return problem satisfies never
}

function whyEarly({ validFrom }: { readonly validFrom: number }): string {
  return `it becomes valid in ${untilNow(validFrom)}; compare the clocks.`
}

function whyForeign(iss: unknown, { own, memberstack, mode }: Names): string {
  if (iss === memberstack && mode === 'session')
    return 'a member JWT opens no route in session mode; exchange it at POST /v1/auth/session.'
  if (iss === own && mode === 'forward') return 'in forward mode only member JWTs open a route.'
  return `its issuer is ${show(iss)}; the issuers of this deployment are ${own} and ${memberstack}.`
}

/** Explains the answer of `POST /v1/auth/session` to a member JWT, as far as it is known without Memberstack. */
function explainExchange(problem: MemberTokenProblem | null): string {
  switch (problem?.reason) {
    case undefined:
      return 'its content is no reason to refuse it. Not checked: the signature, which Memberstack verifies, and whether the member has signed out everywhere since.'
    case 'expired':
      return `refused, AUTH_TOKEN_EXPIRED: its own exp was ${untilNow(problem.expiresAt)} ago. Sign in again.`
    case 'too_old':
      return `refused, AUTH_TOKEN_EXPIRED: it is ${untilNow(problem.issuedAt)} old, and SIGN_IN_MAX_AGE_SECONDS is ${problem.maxAgeSeconds}. Sign in again.`
    case 'claims':
      return 'refused, AUTH_TOKEN_INVALID: one of id, type, iat, exp, nbf, aud and iss is missing or not valid.'
    case 'audience':
      return 'refused, AUTH_TOKEN_INVALID: it is for another app.'
    case 'issuer':
      return 'refused, AUTH_TOKEN_INVALID: it is of another issuer.'
    case 'not_yet_valid':
      return `refused, AUTH_TOKEN_INVALID: ${whyEarly(problem)}`
    case 'malformed':
      return `refused, AUTH_TOKEN_INVALID: ${malformed}`
  }
  return problem satisfies never
}
