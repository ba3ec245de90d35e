import { maxTokenLength } from '@perennial/auth'
import { readConfig, type Config, type Environment } from '../config/index.js'
import { explainJwt } from './explain-jwt.js'
import { explainRefreshToken } from './explain-refresh-token.js'
import type { Findings } from './findings.js'
import { deploymentOf, type Deployment } from './deployment.js'

/** The explanation of a token. */
export interface Explanation {
  readonly lines: readonly string[]
  /** True if a protected route (or a refresh) would accept the token. */
  readonly isGood: boolean
}

/** Explains a token without printing or using it: its member, its age, and the reason if it is refused. */
export async function explainToken(
  token: string,
  { env, readTextFile }: { readonly env: Environment; readonly readTextFile: (path: string) => string },
): Promise<Explanation> {
  let config: Config
  try {
    config = readConfig(env, { readTextFile })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return { lines: [`The configuration cannot be read: ${error.message}`], isGood: false }
  }
  return conclude(await explain(token, deploymentOf(config, readTextFile)))
}

/** Three parts of base64 or base64url, of which the judge decides whether they are a JWT. */
const jwtForm = /^[\w+/=-]+\.[\w+/=-]+\.[\w+/=-]*$/

/** The form of a refresh token of ours: 56 bytes in base64url. */
const refreshTokenForm = /^[\w-]{75}$/

const refreshApiKnows =
  'Note: a refresh token of the refresh API (MEMBERSTACK_REFRESH_URL) may have any form; that API alone can explain it.'

async function explain(token: string, deployment: Deployment): Promise<Findings> {
  // The service does not read a request with such a token.
  if (token.length > maxTokenLength)
    return refused([], `AUTH_TOKEN_MISSING: it has more than ${maxTokenLength} characters.`)
  if (/[^\x21-\x7e]/.test(token))
    return refused(
      [],
      'AUTH_TOKEN_MISSING: it has white space or other characters that no token has. Copy it alone, in one line.',
    )
  if (jwtForm.test(token)) return await explainJwt(token, deployment)
  const notes = deployment.mode === 'forward' ? [refreshApiKnows] : []
  if (!refreshTokenForm.test(token)) {
    const kind = `Kind: unknown; ${token.length} characters that are neither a JWT nor a refresh token of ours`
    const hint = /["'{,]/.test(token) ? ' Leave out the quotes and the text around them.' : ''
    return refused([kind, ...notes], `AUTH_TOKEN_INVALID: it is no token.${hint}`)
  }
  const kind = 'Kind: a refresh token of ours, by its form'
  if (deployment.mode === 'forward')
    return refused([kind, ...notes], 'AUTH_TOKEN_INVALID: in forward mode no token of ours opens a route.')
  const { lines, ...found } = await explainRefreshToken(token, deployment)
  return { ...found, lines: [kind, ...lines] }
}

const refused = (lines: readonly string[], refusal: string): Findings => ({ lines, refusals: [refusal] })

function conclude({ lines, refusals, unchecked }: Findings): Explanation {
  if (refusals.length > 0)
    return { lines: [...lines, ...refusals.map((refusal) => `Refused: ${refusal}`)], isGood: false }
  if (unchecked === undefined) return { lines: [...lines, 'Accepted: no check refuses it.'], isGood: true }
  const open = [`Not checked: ${unchecked}.`, 'Open: no check that could be made refuses it.']
  return { lines: [...lines, ...open], isGood: false }
}

const maxBytes = 65_536

/**
 * Reads a token from standard input, in UTF-8 or UTF-16 (as PowerShell writes it to a file), without the white space around it and a leading `Bearer`. Returns null for an empty
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
  // Tokens are ASCII, so without zeros and byte order marks they read the same in every encoding.
  const text = Buffer.concat(chunks)
    .toString('latin1')
    .replaceAll(/[\0\xbb\xbf\xef\xfe\xff]/g, '')
    .trim()
  return text.replace(/^(authorization:\s*)?bearer(\s+|$)/i, '') || null
}
