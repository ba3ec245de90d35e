import type { Background } from '../base/background.js'
import type { Clock } from '../base/time.js'
import { HttpFailure, type HttpClient, type HttpResponse } from '../base/http-client.js'
import { parseJsonObject } from '../base/json.js'
import { reasonOfExchange, type Reason } from '../base/reasons.js'
import { causeOfExchange, nameForm } from '../base/causes.js'
import { createEmitter, createPeerWatch, type PeerWatch, type Telemetry } from '../telemetry/index.js'
import { createKeptReading } from './kept-reading.js'
import {
  createKeySetOf,
  type KeySet,
  readVerificationKeys,
  type SignatureAlgorithm,
  type VerificationKey,
} from './key-set.js'

/** Options of {@link createRemoteKeySet}. */
export interface RemoteKeySetOptions {
  /** The address of the key set. It comes from the configuration, never from a token. */
  readonly url: string
  readonly algorithms: readonly SignatureAlgorithm[]
  readonly httpClient: HttpClient
  readonly clock: Clock
  readonly telemetry: Telemetry
  /** The age at which the set is read again in the background, in seconds. @defaultValue 600 */
  readonly refreshAfterSeconds?: number | undefined
  /** The time limit of one reading, in seconds. @defaultValue 5 */
  readonly timeoutSeconds?: number | undefined
  readonly background?: Background | undefined
}

const waitAfterFactor = 6
const maxBodyBytes = 256 * 1024
/** The limit of readings that unknown `kid`s cause. */
const extraReadings = { burst: 2, everySeconds: 60 }

/**
 * Creates a key set that is read over HTTP (RFC 7517 §5), kept, and renewed in time. While the source is down, the last
 * reading is used. A key that was removed stops verifying at the next reading.
 * @throws TypeError if the address does not start with http:// or https://
 */
export function createRemoteKeySet(options: RemoteKeySetOptions): KeySet {
  const { clock, refreshAfterSeconds = 600 } = options
  if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol)) {
    throw new TypeError('the address of the key set must start with http:// or https://')
  }
  const { telemetry } = options
  const watch = createPeerWatch({ target: 'jwks', host: new URL(options.url).host, telemetry, clock })
  const reading = createKeptReading<RemoteKeys>({
    read: (last) => fetchKeys(options, watch, last?.keys ?? []),
    clock,
    unread: 'keySetUnread',
    refreshAfterSeconds,
    waitAfterSeconds: refreshAfterSeconds * waitAfterFactor,
    extraReadings,
    background: options.background,
  })
  return createKeySetOf(reading, async () => reading.get(clock()))
}

interface RemoteKeys {
  readonly keys: readonly VerificationKey[]
}

async function fetchKeys(
  options: RemoteKeySetOptions,
  watch: PeerWatch,
  known: readonly VerificationKey[],
): Promise<RemoteKeys> {
  const { url, clock, timeoutSeconds = 5, httpClient, algorithms } = options
  const startedAt = clock()
  try {
    const headers = { accept: 'application/jwk-set+json, application/json' }
    const answer = await httpClient({ method: 'GET', url, headers, timeoutSeconds, maxBodyBytes })
    const keys = readAnswer(answer, algorithms, known)
    options.telemetry.observeUpstream({ target: 'jwks', outcome: 'ok', durationSeconds: clock() - startedAt })
    watch.succeeded()
    return { keys }
  } catch (error) {
    watch.failed(reasonOf(error), causeOf(error, timeoutSeconds))
    reportFailure(options, startedAt, error)
    throw error
  }
}

/** Reads the keys of an answer. An empty set is valid: the issuer has withdrawn all keys. */
function readAnswer(
  answer: HttpResponse,
  algorithms: readonly SignatureAlgorithm[],
  known: readonly VerificationKey[],
): readonly VerificationKey[] {
  if (answer.status !== 200) throw new UnusableAnswer(`status_${answer.status}`, answer)
  const keys = readVerificationKeys(parseJsonObject(answer.body), algorithms, known)
  if (!keys) throw new UnusableAnswer('no_key_set', answer)
  return keys
}

class UnusableAnswer extends Error {
  override readonly name = 'UnusableAnswer'
  readonly reason: Reason
  readonly logged: string

  constructor(reason: Reason, { status, body }: HttpResponse) {
    super(`the answer is not a key set (${reason})`)
    this.reason = reason
    this.logged = `status ${status}${nameForm(body) || ', no key set'}`
  }
}

/** Emits an event. A reading in the background fails no request, so its failure is visible only here. */
function reportFailure({ telemetry, clock }: RemoteKeySetOptions, startedAt: number, error: unknown): void {
  telemetry.observeUpstream({ target: 'jwks', outcome: 'failed', durationSeconds: clock() - startedAt })
  createEmitter(telemetry, clock).emitTrouble({
    target: 'jwks',
    reason: reasonOf(error),
    error: 'The key set could not be read.',
  })
}

function reasonOf(error: unknown): Reason {
  if (error instanceof UnusableAnswer) return error.reason
  return error instanceof HttpFailure ? reasonOfExchange(error.kind) : 'unexpected'
}

function causeOf(error: unknown, timeoutSeconds: number): string {
  if (error instanceof UnusableAnswer) return error.logged
  return error instanceof HttpFailure ? causeOfExchange(error, timeoutSeconds) : 'unexpected error'
}
