import type { HttpFailure } from './http-client.js'

/** The words for a code: of the operating system, TLS, Redis, PostgreSQL (SQLSTATE) or SQLite. */
const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at this address',
  ENOTFOUND: 'its host name is not known (DNS)',
  EAI_AGAIN: 'the name server (DNS) does not answer',
  ETIMEDOUT: 'no connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  ECONNRESET: 'the connection broke off',
  EPIPE: 'the connection broke off',
  UND_ERR_SOCKET: 'the connection broke off',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted',
  EPROTO: 'it does not speak TLS there',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS there',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS there',
  ENOSPC: 'the disk is full',
  WRONGPASS: 'it refuses the user or password',
  NOAUTH: 'it requires a password',
  NOPERM: 'its user lacks a right',
  OOM: 'its memory is full',
  READONLY: 'it is a replica, which takes no writes',
  MISCONF: 'it cannot save to its disk, and takes no writes',
  LOADING: 'it is still reading its data',
  CLUSTERDOWN: 'nodes of the Cluster are missing',
  MOVED: 'it is a node of a Cluster',
  '28P01': 'it refuses the password',
  '28000': 'it refuses the user',
  NO_PASSWORD: 'it asks for a password, and its address has none',
  NO_TLS: 'it offers no TLS',
  '3D000': 'the database does not exist',
  '25006': 'it takes no writes (a replica, or read-only)',
  '42501': 'its user lacks a right',
  '53100': 'its disk is full',
  '53200': 'its memory is full',
  '53300': 'it has no connection left',
  '57P01': 'it was shut down',
  '57P03': 'it is starting up or shutting down',
  '58030': 'its disk reports an error',
  '08P01': 'the pooler refuses, or has no server to pass the connection on to',
  SQLITE_5: 'another process keeps the file locked',
  SQLITE_8: 'the file cannot be written',
  SQLITE_10: 'the disk reports an error',
  SQLITE_11: 'the file is damaged',
  SQLITE_13: 'the disk is full',
  SQLITE_14: 'the file cannot be opened',
  SQLITE_26: 'the file is not a SQLite database',
}

/** An error whose message is a code or a phrase of our own, so that it may be logged. */
export class KnownCause extends Error {}

/** Returns a code with its words: `nothing listens at this address (ECONNREFUSED)`. */
export function explainCode(code: string): string {
  const bare = code.replace(/^SQLSTATE /, '').replace(/^(NOPERM) .*/, '$1')
  const known = Object.hasOwn(words, bare) ? words[bare] : undefined
  return known === undefined ? code : `${known} (${code.replace('SQLITE_', 'SQLite ')})`
}

const noAnswer = 'no answer'

/** The longest chain of causes that is followed. */
const deepest = 4

/**
 * Returns why a peer could not be used, for the log. Of a foreign error only its code is taken: a message may hold a password or
 * a token.
 */
export function describeCause(error: unknown): string {
  let at = error
  for (let depth = 0; depth < deepest && at instanceof Error; depth += 1) {
    if (at instanceof KnownCause) return explainCode(at.message)
    const code = codeIn(at)
    if (code !== null) return explainCode(code)
    at = at.cause
  }
  return noAnswer
}

/** Returns why an HTTP exchange failed, for the log. */
export function causeOfExchange(error: HttpFailure, timeoutSeconds: number): string {
  if (error.kind === 'too-large') return 'the answer is too large'
  const cause = describeCause(error)
  if (cause !== noAnswer) return cause
  if (error.kind === 'timeout') return `no answer within ${timeoutSeconds} s`
  return error.kind === 'reset' ? 'the connection broke off' : 'no connection'
}

/** Names the form of a body that should have been JSON, as the end of a phrase; empty if it begins like JSON. */
export function nameForm(body: string): string {
  const text = body.trimStart()
  if (text === '') return ', an empty answer'
  if (text.startsWith('<')) return ', HTML instead of JSON'
  return /^[[{]/.test(text) ? '' : ', text instead of JSON'
}

/** Returns the code of the operating system, of TLS or of SQLite; null if the error has none. An `AuthError` has a code of another kind. */
export function codeIn(error: Error): string | null {
  if ('errcode' in error && typeof error.errcode === 'number') return `SQLITE_${error.errcode & 0xff}`
  if (!('code' in error) || typeof error.code !== 'string' || error.name === 'AuthError') return null
  return /^[A-Z][A-Z0-9_]{2,60}$/.test(error.code) ? error.code : null
}
