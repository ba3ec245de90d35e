import { systemClock } from '@perennial/auth'
import { readConfig, type Config, type Environment } from '../config/index.js'
import { describeExchange } from './exchange.js'
import { explainRefreshToken, looksLikeRefreshToken } from './explain-refresh-token.js'
import { kindOf, refusalsOf, type Expectations } from './refusals.js'
import { lookUp, lookUpAccessToken, type StoreFindings } from './session-look-up.js'
import { readJwt, show, when, type ReadToken } from './token-text.js'
import { verifyMemberJwt } from './verify-member-jwt.js'

/** For people, and whether a protected route (or a refresh) would take the token. */
export interface Explanation {
  readonly lines: readonly string[]
  readonly isGood: boolean
}

/** Longer ones are not looked at by the service. */
const maxLength = 4096

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
  const unusable = explainUnusable(token)
  if (unusable) return unusable
  const jwt = readJwt(token)
  if (jwt) return await explainJwt(jwt, config)
  if (!looksLikeRefreshToken(token)) return explainUnknown(token, modeOf(config))
  const lines = ['Kind: a refresh token of ours, by its looks']
  if (modeOf(config) === 'forward')
    return conclude([...lines, refreshApiKnows], {
      lines: [],
      refusals: ['AUTH_TOKEN_INVALID: in forward mode none of ours opens a route.'],
    })
  return conclude(lines, await explainRefreshToken(token, config, world.readTextFile))
}

const refreshApiKnows =
  'Note: a refresh token of the refresh API (MEMBERSTACK_REFRESH_URL) may look like anything; that API alone can explain it.'

/** What the service does not even look at. */
function explainUnusable(token: string): Explanation | null {
  const why = unusable(token)
  return why === null ? null : conclude([], { lines: [], refusals: [`AUTH_TOKEN_MISSING: ${why}`] })
}

function unusable(token: string): string | null {
  if (token.length > maxLength) return `it has more than ${maxLength} characters.`
  if (/[^\x21-\x7e]/.test(token))
    return 'it has white space or other characters in it that no token has. Copy it alone, in one line.'
  return null
}

function explainUnknown(token: string, mode: Expectations['mode']): Explanation {
  const shape = `${token.length} characters that are neither a JWT nor a refresh token of ours`
  const hint = /["'{,]/.test(token) ? ' Leave out the quotes and what is around them.' : ''
  const refusal = `AUTH_TOKEN_INVALID: it is no token.${hint}`
  const notes = mode === 'forward' ? [refreshApiKnows] : []
  return conclude([`Kind: none that we know; ${shape}`, ...notes], { lines: [], refusals: [refusal] })
}

async function explainJwt(token: ReadToken, config: Config): Promise<Explanation> {
  const expected = expectationsOf(config)
  const now = systemClock()
  const kind = kindOf(token, expected)
  const lines = [`Kind: ${kinds[kind]}`, ...describe(token, now)]
  if (kind === 'member' && expected.mode === 'session') {
    const { signInMaxAgeSeconds: maxAgeSeconds } = config.perennial
    lines.push(describeExchange(token, { appId: expected.appId, now, maxAgeSeconds }))
  }
  const found = await lookInto(token, config)
  return conclude(lines, { ...found, refusals: [...refusalsOf(token, { expected, now }), ...found.refusals] })
}

/** What the token does not show by itself: its signature, and its session. */
async function lookInto(token: ReadToken, config: Config): Promise<StoreFindings> {
  const expected = expectationsOf(config)
  const kind = kindOf(token, expected)
  if (kind === 'access' && expected.mode === 'session')
    return await lookUp(config.storeUrl, (store) => lookUpAccessToken(store, token))
  if (kind === 'member' && config.memberstack.kind === 'memberstack')
    return verifyMemberJwt(token, config.memberstack)
  const unchecked =
    kind === 'member' ? 'the signature; Memberstack is asked at the exchange' : 'the signature'
  return { lines: [], refusals: [], unchecked }
}

const kinds = {
  access: 'an access token of ours',
  member: 'a member JWT of Memberstack',
  foreign: 'a JWT of somebody else',
} as const

function modeOf({ memberstack }: Config): Expectations['mode'] {
  return memberstack.kind === 'memberstack' && memberstack.refreshUrl !== undefined ? 'forward' : 'session'
}

function expectationsOf(config: Config): Expectations {
  const known = config.memberstack.kind === 'memberstack' ? config.memberstack : null
  return {
    mode: modeOf(config),
    ownIssuer: config.perennial.issuer ?? 'perennial',
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

function conclude(known: readonly string[], { lines, refusals, unchecked }: StoreFindings): Explanation {
  const all = [...known, ...lines, ...(unchecked === undefined ? [] : [`Not checked: ${unchecked}.`])]
  if (refusals.length > 0)
    return { lines: [...all, ...refusals.map((refusal) => `Refused: ${refusal}`)], isGood: false }
  const verdict =
    unchecked === undefined
      ? 'Accepted: nothing speaks against it.'
      : 'Open: nothing that was checked speaks against it.'
  return { lines: [...all, verdict], isGood: unchecked === undefined }
}
