import {
  type AccessTokenJudgement,
  type AccessTokenProblem,
  judgeAccessToken,
  type JudgeAccessTokenOptions,
  judgeMemberToken,
  type MemberTokenProblem,
  systemClock,
} from '@perennial/auth'
import type { Config } from '../config/index.js'
import { endOf } from './explain-refresh-token.js'
import { duration, type Findings, type Mode, modeOf, show, when, withStore } from './findings.js'

/** The names that tokens of the deployment contain. */
interface Names {
  readonly own: string
  readonly memberstack: string
  readonly appId: string
}

/** Explains a JWT by the judgements that the service itself makes: of a protected route, and of the exchange. */
export async function explainJwt(
  text: string,
  config: Config,
  readTextFile: (path: string) => string,
): Promise<Findings> {
  const names = namesOf(config)
  const mode = modeOf(config)
  const issuer = mode === 'session' ? names.own : names.memberstack
  const options = { mode, issuer, appId: names.appId, clock: systemClock, known: null }
  const { judgement, unchecked } = await judge(text, config, { options, readTextFile })
  const iss = judgement.token?.claims['iss']
  const kind = iss === names.own ? 'own' : iss === names.memberstack ? 'member' : 'foreign'
  const lines = [`Kind: ${kinds[kind]}`, ...describe(judgement)]
  if (kind === 'member' && mode === 'session') lines.push(explainExchange(text, config, names))
  const refusals = judgement.problems.map((problem) => explainProblem(problem, judgement, { names, mode }))
  return { lines, refusals, unchecked }
}

const kinds = {
  own: 'an access token of ours',
  member: 'a member JWT of Memberstack',
  foreign: 'a JWT of another issuer',
} as const

function namesOf({ memberstack, perennial }: Config): Names {
  const known = memberstack.kind === 'memberstack' ? memberstack : null
  return {
    own: perennial.issuer ?? 'perennial',
    memberstack: known?.issuer ?? 'https://api.memberstack.com',
    appId: known?.appId ?? 'app_emulator',
  }
}

interface Means {
  readonly options: JudgeAccessTokenOptions
  readonly readTextFile: (path: string) => string
}

/** Judges a token with the keys and the session, as far as they can be read. */
async function judge(
  text: string,
  config: Config,
  { options, readTextFile }: Means,
): Promise<{ readonly judgement: AccessTokenJudgement; readonly unchecked?: string }> {
  const judgement = await judgeAccessToken(text, options)
  // No key and no session changes the answer to these.
  if (judgement.problems.some(({ reason }) => reason === 'malformed' || reason === 'issuer'))
    return { judgement }
  if (options.mode === 'session') {
    const found = await withStore(config, readTextFile, (known) =>
      judgeAccessToken(text, { ...options, known }),
    )
    if (typeof found !== 'string') return { judgement: found }
    return { judgement, unchecked: `signature and session; ${found}` }
  }
  const jwks = config.memberstack.kind === 'memberstack' ? config.memberstack.jwks : undefined
  if (jwks !== undefined) return { judgement: await judgeAccessToken(text, { ...options, known: { jwks } }) }
  const unchecked = 'the signature; its keys are at MEMBERSTACK_JWKS_URI, which only the service reads'
  return { judgement, unchecked }
}

function describe({ token, session }: AccessTokenJudgement): string[] {
  if (!token) return []
  const now = systemClock()
  const { sub, id, email, roles, iat, exp } = token.claims
  const lines = [`Member: ${show(sub ?? id)}${email === undefined ? '' : `, ${show(email)}`}`]
  if (Array.isArray(roles)) lines.push(`Roles: ${roles.map(show).join(', ') || 'none'}`)
  if (typeof iat === 'number') lines.push(`Issued: ${when(iat, now)}`)
  if (typeof exp === 'number') lines.push(`Expires: ${when(exp, now)}`)
  if (session) {
    const used = duration(now - session.lastUsedAt)
    lines.push(`Session: ${session.id} of ${session.memberId}, last refreshed ${used} ago`)
  }
  return lines
}

/** Explains one problem in a line that begins with the code of the answer. */
function explainProblem(
  problem: AccessTokenProblem,
  { token, problems }: AccessTokenJudgement,
  { names, mode }: { readonly names: Names; readonly mode: Mode },
): string {
  if (!token) return invalid(fixed.malformed)
  const now = systemClock()
  if (problem.reason === 'revoked') return `AUTH_TOKEN_REVOKED: ${endOf(problem.session)}. Sign in again.`
  if (problem.reason === 'issuer') return invalid(whyForeign(token.claims['iss'], names, mode))
  if (problem.reason === 'not_yet_valid') return invalid(whyEarly(problem.validFrom))
  if (problem.reason !== 'expired') return invalid(whyUnfit(problem, token))
  const exp = token.claims['exp']
  const isByRule = typeof exp === 'number' && exp > problem.expiresAt
  const rule = isByRule ? ', one hour after its issue, although its own exp is later' : ''
  const advice = problems.some(({ reason }) => reason === 'issuer') ? '' : ' Refresh it.'
  return `AUTH_TOKEN_EXPIRED: it ended ${duration(now - problem.expiresAt)} ago${rule}.${advice}`
}

type Unfit = Exclude<
  AccessTokenProblem,
  { readonly reason: 'revoked' | 'issuer' | 'not_yet_valid' | 'expired' }
>

function whyUnfit(problem: Unfit, { header, claims }: NonNullable<AccessTokenJudgement['token']>): string {
  switch (problem.reason) {
    case 'algorithm':
      return `its algorithm is ${show(header['alg'])}, not ${problem.wanted.join(' or ')}.`
    case 'type':
      return `its type is ${show(header['typ'])}, not ${problem.wanted}.`
    case 'audience':
      return `it is for ${show(claims['aud'])}, and this deployment is ${problem.wanted}.`
    case 'header':
      return `its header has ${problem.parameters.join(', ')}, which is never accepted.`
    case 'claims':
      return `its claims ${problem.claims.join(', ')} are missing or not valid.`
    case 'malformed':
    case 'key':
    case 'signature':
      return fixed[problem.reason]
  }
  return problem satisfies never
}

function whyEarly(validFrom: number): string {
  return `it becomes valid in ${duration(validFrom - systemClock())}; compare the clocks.`
}

const fixed = {
  malformed:
    'it is not a JWT in its canonical form: there is padding, a stray bit, or a part that is no JSON object.',
  key: 'none of our keys has its kid: another deployment signed it, the key was removed, or no secret of PERENNIAL_SECRET opens it.',
  signature: 'its signature is wrong: it was changed on the way, or forged.',
} as const

const invalid = (why: string) => `AUTH_TOKEN_INVALID: ${why}`

function whyForeign(iss: unknown, { own, memberstack }: Names, mode: Mode): string {
  if (iss === memberstack && mode === 'session')
    return 'a member JWT opens no route in session mode; exchange it at POST /v1/auth/session.'
  if (iss === own && mode === 'forward') return 'in forward mode only member JWTs open a route.'
  return `its issuer is ${show(iss)}; the issuers of this deployment are ${own} and ${memberstack}.`
}

/** Explains the answer of `POST /v1/auth/session` to a member JWT, as far as it is known without Memberstack. */
function explainExchange(text: string, { perennial }: Config, { appId, memberstack }: Names): string {
  const { signInMaxAgeSeconds } = perennial
  const rules = { appId, memberstackIssuer: memberstack, signInMaxAgeSeconds, clock: systemClock }
  const problem = judgeMemberToken(text, rules)
  if (problem) return `At the exchange: refused, ${exchangeRefusal(problem)}`
  return 'At the exchange: its content is no reason to refuse it. Not checked: the signature, which Memberstack verifies, and whether the member has signed out everywhere since.'
}

function exchangeRefusal(problem: MemberTokenProblem): string {
  const now = systemClock()
  const { reason } = problem
  if (reason === 'expired')
    return `AUTH_TOKEN_EXPIRED: its own exp was ${duration(now - problem.expiresAt)} ago. Sign in again.`
  if (reason === 'too_old')
    return `AUTH_TOKEN_EXPIRED: it is ${duration(now - problem.issuedAt)} old, and SIGN_IN_MAX_AGE_SECONDS is ${problem.maxAgeSeconds}. Sign in again.`
  return invalid(reason === 'not_yet_valid' ? whyEarly(problem.validFrom) : exchangeReasons[reason])
}

const exchangeReasons = {
  malformed: fixed.malformed,
  claims: 'one of id, type, iat, exp, nbf, aud and iss is missing or not valid.',
  audience: 'it is for another app.',
  issuer: 'it is of another issuer.',
} as const
