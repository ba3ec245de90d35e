import { systemClock } from '@perennial/auth'
import { readConfig, type Config, type Environment } from '../config/index.js'
import { kindOf, refusalsOf, type Expectations } from './refusals.js'
import { lookUp, lookUpAccessToken, lookUpSession } from './session-look-up.js'
import { duration, readJwt, sessionNamedBy, show, type ReadToken } from './token-text.js'

/** For people, and whether a protected route (or a refresh) would take the token. */
export interface Explanation {
  readonly lines: readonly string[]
  readonly isGood: boolean
}

/** Explains a token without showing or using it: who, how old, why refused. */
export async function explainToken(
  token: string,
  world: { readonly env: Environment; readonly readTextFile: (path: string) => string },
): Promise<Explanation> {
  let config: Config
  try {
    config = readConfig(world.env, world)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return { lines: [`The configuration cannot be read: ${error.message}`], isGood: false }
  }
  const jwt = readJwt(token)
  if (jwt) return explainJwt(jwt, token.length, config)
  const sessionId = sessionNamedBy(token)
  if (sessionId !== null) return explainRefreshToken(sessionId, config.storeUrl)
  const shape = `${token.length} characters that are neither a JWT nor a refresh token of ours`
  return conclude([`Kind: none that we know; ${shape}`], ['AUTH_TOKEN_INVALID: it is no token.'])
}

async function explainJwt(token: ReadToken, length: number, config: Config): Promise<Explanation> {
  const expected = expectationsOf(config)
  const now = systemClock()
  const kind = kindOf(token, expected)
  const lines = [`Kind: ${kinds[kind]}`, ...describe(token, now)]
  const refusals = refusalsOf(token, { expected, now, length })
  if (kind !== 'access') {
    lines.push('Not checked: the signature; the service asks Memberstack.')
    return conclude(lines, refusals)
  }
  const found = await lookUp(config.storeUrl, (store) => lookUpAccessToken(store, token))
  return conclude([...lines, ...found.lines], [...refusals, ...found.refusals])
}

async function explainRefreshToken(sessionId: string, storeUrl: string): Promise<Explanation> {
  const found = await lookUp(storeUrl, (store) =>
    lookUpSession(store, sessionId, 'AUTH_TOKEN_REFRESH_FAILED'),
  )
  const lines = ['Kind: a refresh token of ours, by its looks', ...found.lines]
  if (found.refusals.length === 0) lines.push('Not checked: whether it is genuine, and still the newest.')
  return conclude(lines, found.refusals)
}

const kinds = {
  access: 'an access token of ours',
  member: 'a member JWT of Memberstack',
  foreign: 'a JWT of somebody else',
} as const

function expectationsOf({ memberstack, perennial }: Config): Expectations {
  const known = memberstack.kind === 'memberstack' ? memberstack : null
  return {
    mode: known?.refreshUrl === undefined ? 'session' : 'forward',
    ownIssuer: perennial.issuer ?? 'perennial',
    memberIssuer: known?.issuer ?? 'https://api.memberstack.com',
    appId: known?.appId ?? 'app_emulator',
  }
}

function describe({ claims }: ReadToken, now: number): string[] {
  const { sub, id, email, roles, iat, exp } = claims
  const lines = [`Member: ${show(sub ?? id)}${email === undefined ? '' : `, ${show(email)}`}`]
  if (Array.isArray(roles)) lines.push(`Roles: ${roles.map(show).join(', ') || 'none'}`)
  if (typeof iat === 'number') lines.push(`Issued: ${when(iat, now)}`)
  if (typeof exp === 'number') lines.push(`Expires: ${when(exp, now)}`)
  return lines
}

function when(instant: number, now: number): string {
  const date = new Date(instant * 1000)
  const relative = instant > now ? `in ${duration(instant - now)}` : `${duration(now - instant)} ago`
  return Number.isNaN(date.getTime()) ? show(instant) : `${date.toISOString()} (${relative})`
}

function conclude(lines: readonly string[], refusals: readonly string[]): Explanation {
  if (refusals.length === 0)
    return { lines: [...lines, 'Accepted: nothing speaks against it.'], isGood: true }
  return { lines: [...lines, ...refusals.map((refusal) => `Refused: ${refusal}`)], isGood: false }
}
