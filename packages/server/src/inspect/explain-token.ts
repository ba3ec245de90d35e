import { maxTokenLength } from '@perennial/auth'
import { type Config, type Environment, readConfig } from '../config/index.js'
import { explainJwt } from './explain-jwt.js'
import { explainRefreshToken, looksLikeRefreshToken } from './explain-refresh-token.js'
import { type Findings, modeOf } from './findings.js'

/** The explanation of a token. */
export interface Explanation {
  readonly lines: readonly string[]
  /** True if a protected route (or a refresh) would accept the token. */
  readonly isGood: boolean
}

/** Explains a token without printing or using it: its member, its age, and the reason if it is refused. */
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
  return conclude(await explain(token, config, world.readTextFile))
}

async function explain(
  token: string,
  config: Config,
  readTextFile: (path: string) => string,
): Promise<Findings> {
  const isForward = modeOf(config) === 'forward'
  if (token.length > maxTokenLength) return missing(`it has more than ${maxTokenLength} characters.`)
  if (/[^\x21-\x7e]/.test(token))
    return missing('it has white space or other characters that no token has. Copy it alone, in one line.')
  if (jwtForm.test(token)) return await explainJwt(token, config, readTextFile)
  if (!looksLikeRefreshToken(token)) return explainUnknown(token, isForward)
  const kind = 'Kind: a refresh token of ours, by its form'
  if (!isForward) {
    const { lines, ...found } = await explainRefreshToken(token, config, readTextFile)
    return { ...found, lines: [kind, ...lines] }
  }
  const refusal = 'AUTH_TOKEN_INVALID: in forward mode no token of ours opens a route.'
  return { lines: [kind, refreshApiKnows], refusals: [refusal] }
}

/** Three parts of base64 or base64url, of which the judge decides whether they are a JWT. */
const jwtForm = /^[\w+/=-]+\.[\w+/=-]+\.[\w+/=-]*$/

const refreshApiKnows =
  'Note: a refresh token of the refresh API (MEMBERSTACK_REFRESH_URL) may have any form; that API alone can explain it.'

/** The service does not read a request with such a token. */
function missing(why: string): Findings {
  return { lines: [], refusals: [`AUTH_TOKEN_MISSING: ${why}`] }
}

function explainUnknown(token: string, isForward: boolean): Findings {
  const hint = /["'{,]/.test(token) ? ' Leave out the quotes and the text around them.' : ''
  const kind = `Kind: unknown; ${token.length} characters that are neither a JWT nor a refresh token of ours`
  const lines = isForward ? [kind, refreshApiKnows] : [kind]
  return { lines, refusals: [`AUTH_TOKEN_INVALID: it is no token.${hint}`] }
}

function conclude({ lines, refusals, unchecked }: Findings): Explanation {
  const all = unchecked === undefined ? lines : [...lines, `Not checked: ${unchecked}.`]
  if (refusals.length > 0)
    return { lines: [...all, ...refusals.map((refusal) => `Refused: ${refusal}`)], isGood: false }
  const verdict =
    unchecked === undefined
      ? 'Accepted: no check refuses it.'
      : 'Open: no check that could be made refuses it.'
  return { lines: [...all, verdict], isGood: unchecked === undefined }
}

const maxBytes = 65_536

/**
 * Reads a token from standard input, without the white space around it and a leading `Bearer`. Returns null for an empty
 * input. Of a longer input than any token, only the beginning is read.
 */
export async function readPipedToken(input: AsyncIterable<Uint8Array>): Promise<string | null> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of input) {
    chunks.push(chunk.subarray(0, maxBytes - length))
    length += chunk.length
    if (length >= maxBytes) break
  }
  const text = Buffer.concat(chunks).toString('utf8').trim()
  return text.replace(/^(authorization:\s*)?bearer(\s+|$)/i, '') || null
}
