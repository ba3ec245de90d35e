import { createProof, type ProofKey } from './proof.js'
import { openProofKeys, type ProofKeys } from './proof-keys.js'
import type { Proof, ProofContext } from './session.js'
import { readThumbprint } from './token-times.js'

/**
 * Binds sessions to a key of this browser (RFC 9449): a copy of the tokens is worth nothing in another one. The key is made before
 * the sign-in and stored in IndexedDB; its private half cannot be exported. There is one for each `storageKey`, shared by all tabs.
 *
 * If the browser has no place for a key, the sign-in goes without a proof: the session is not bound, or, where the service
 * requires it, the sign-in is refused with `AUTH_PROOF_INVALID`. If the key of a session is lost, the next refresh is refused
 * with that code and signs out here; nothing else ends.
 * @example
 * const session = createSession({ serviceUrl: 'https://auth.example.com', proof: dpop() })
 */
export function dpop(): Proof {
  return (send, context) => {
    const sender: Sender = { send, context, keys: openProofKeys(context.storageKey) }
    return async (input, init) => {
      const request = input instanceof Request && !init ? input : new Request(input, init)
      const [, accessToken] = /^Bearer (.+)/.exec(request.headers.get('Authorization') ?? '') ?? []
      const thumbprint = readThumbprint(accessToken)
      if (accessToken && thumbprint) return sendBound(sender, { request, accessToken, thumbprint })
      return takesRefreshToken(request, context) ? sendProven(sender, request) : send(request)
    }
  }
}

interface Sender {
  readonly send: typeof fetch
  readonly context: ProofContext
  readonly keys: ProofKeys
  /** The service's clock minus this machine's, in seconds, after a refusal that told the service's time. */
  aheadSeconds?: number | undefined
}

/** Returns true for the routes where a session is begun, refreshed or ended by refresh token. */
function takesRefreshToken({ method, url }: Request, { serviceUrl }: ProofContext): boolean {
  const base = new URL(serviceUrl.replace(/\/*$/, '/v1/auth/')).href
  return method !== 'GET' && [`${base}session`, `${base}refresh-token`].includes(url)
}

/** A request with an access token that is bound to a key. */
interface BoundRequest {
  readonly request: Request
  readonly accessToken: string
  readonly thumbprint: string
}

/** Sends a bound access token in the scheme `DPoP` (RFC 9449 §7.1). Without its key the request goes as it is, and is refused. */
async function sendBound(
  sender: Sender,
  { request, accessToken, thumbprint }: BoundRequest,
): Promise<Response> {
  const key = await sender.keys.findBound(thumbprint)
  if (await addProof(sender, request, key, accessToken))
    request.headers.set('Authorization', `DPoP ${accessToken}`)
  return sender.send(request)
}

/**
 * Sends a request with a proof. A refused one is sent once more with a new proof, by the clock of the answer: the machine's clock may
 * be wrong, and a browser may have repeated the request by itself, after which the service has seen the `jti`.
 * @throws TypeError, which counts as an outage, if a proof is wanted and the database has not answered yet
 */
async function sendProven(sender: Sender, request: Request): Promise<Response> {
  const { send, keys } = sender
  const again = request.clone()
  const isSignIn = request.method === 'POST' && request.headers.has('Authorization')
  const key = await keys.find(isSignIn)
  const hasProof = await addProof(sender, request, key)
  const response = await send(request)
  if (!(await learn(sender, response))) return response
  if (!hasProof && keys.isWaiting()) throw new TypeError('IndexedDB has not answered')
  return hasProof && (await addProof(sender, again, key)) ? send(again) : response
}

/** Adds a proof to a request. Returns false, and adds nothing, if there is no key or it cannot sign. */
async function addProof(
  { context, aheadSeconds }: Sender,
  { headers, method, url }: Request,
  key: ProofKey | undefined,
  accessToken?: string,
): Promise<boolean> {
  const at = aheadSeconds === undefined ? context.now() : Date.now() / 1000 + aheadSeconds
  const proof = key && (await createProof(key, { method, url, accessToken, at }).catch(() => undefined))
  if (proof) headers.set('DPoP', proof)
  return !!proof
}

/** Returns true if the service wants a (better) proof, and reads its clock then. After any other answer the session knows it. */
async function learn(sender: Sender, response: Response): Promise<boolean> {
  sender.aheadSeconds = undefined
  if (response.status !== 401) return false
  const answer: { code?: unknown } | null = await response
    .clone()
    .json()
    .catch(() => null)
  if (answer?.code !== 'AUTH_PROOF_INVALID') return false
  const date = Date.parse(`${response.headers.get('Date')}`)
  if (date) sender.aheadSeconds = (date - Date.now()) / 1000
  return true
}
