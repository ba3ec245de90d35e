/** A response, read to the end. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: Record<string, unknown>
}

/** The tokens of a sign-in or a refresh. */
export interface Pair {
  readonly accessToken: string
  readonly refreshToken: string
}

/** The options of a request. */
export interface CallOptions {
  readonly method?: string
  readonly token?: string
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends one request to the service over HTTP. */
export async function call(base: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const { method = 'GET', token, json, headers = {} } = options
  const answer = await fetch(`${base}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, text, body: text === '' ? {} : JSON.parse(text) }
}

/** `POST /v1/auth/session`. */
export const exchange = (base: string, memberToken: string, headers = {}): Promise<Answer> =>
  call(base, '/v1/auth/session', { method: 'POST', token: memberToken, headers })

/** `POST /v1/auth/refresh-token`. */
export const refresh = (base: string, refreshToken: unknown): Promise<Answer> =>
  call(base, '/v1/auth/refresh-token', { method: 'POST', json: { refreshToken } })

/** `GET /v1/auth/me`. */
export const me = (base: string, accessToken: string): Promise<Answer> =>
  call(base, '/v1/auth/me', { token: accessToken })

/** Returns the tokens of a response that must hold both. */
export function pairOf({ status, body, text }: Answer): Pair {
  const { accessToken, refreshToken } = body
  if (typeof accessToken === 'string' && typeof refreshToken === 'string')
    return { accessToken, refreshToken }
  throw new Error(`no pair of tokens in the answer: ${status} ${text}`)
}

/** Returns the claims of a token, unverified. */
export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

/** Returns status and code, to compare with a row of the error table. */
export const verdict = ({ status, body }: Answer): readonly [number, unknown] => [status, body['code']]
