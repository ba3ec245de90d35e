import type { Clock } from '../base/time.js'
import { HttpFailure, type HttpClient, type HttpResponse } from '../base/http-client.js'
import { parseJsonObject } from '../base/json.js'
import { reasonOfExchange, type Reason } from '../base/reasons.js'
import { createEmitter, type Telemetry } from '../telemetry/index.js'
import { createKeptReading } from './kept-reading.js'
import { createKeySetOf, type KeySet } from './key-set.js'
import { readVerificationKeys, type SignatureAlgorithm, type VerificationKey } from './verification-key.js'

/** Where a key set is read, and how often. */
export interface RemoteKeySetOptions {
  /** Fixed by configuration; nothing that a token says ever leads elsewhere. */
  readonly url: string
  readonly algorithms: readonly SignatureAlgorithm[]
  readonly httpClient: HttpClient
  readonly clock: Clock
  readonly telemetry: Telemetry
  /** After this it is read again in the background, in seconds. @defaultValue 600 */
  readonly refreshAfterSeconds?: number | undefined
  /** The longest one reading may take, in seconds. @defaultValue 5 */
  readonly timeoutSeconds?: number | undefined
}

const waitAfterFactor = 6
const maxBodyBytes = 256 * 1024
/** However many unknown kids come, so many readings they cause. */
const extraReadings = { burst: 2, everySeconds: 60 }

/**
 * A key set read over HTTP (RFC 7517 §5), kept, and read again in time. While the source is down the last one serves;
 * a key that is gone from it stops verifying once it was read again.
 * @throws TypeError when the address is not one of http or https
 */
export function createRemoteKeySet(options: RemoteKeySetOptions): KeySet {
  const { clock, refreshAfterSeconds = 600 } = options
  if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol)) {
    throw new TypeError('the address of the key set must start with http:// or https://')
  }
  const reading = createKeptReading<RemoteKeys>({
    read: (last) => fetchKeys(options, last?.keys ?? []),
    clock,
    unread: 'keySetUnread',
    refreshAfterSeconds,
    waitAfterSeconds: refreshAfterSeconds * waitAfterFactor,
    extraReadings,
  })
  return createKeySetOf(reading, async () => reading.get(clock()))
}

interface RemoteKeys {
  readonly keys: readonly VerificationKey[]
}

async function fetchKeys(
  options: RemoteKeySetOptions,
  known: readonly VerificationKey[],
): Promise<RemoteKeys> {
  const { url, clock, timeoutSeconds = 5, httpClient, algorithms } = options
  const startedAt = clock()
  try {
    const headers = { accept: 'application/jwk-set+json, application/json' }
    const answer = await httpClient({ method: 'GET', url, headers, timeoutSeconds, maxBodyBytes })
    const keys = readAnswer(answer, algorithms, known)
    options.telemetry.observeUpstream({ target: 'jwks', outcome: 'ok', durationSeconds: clock() - startedAt })
    return { keys }
  } catch (error) {
    reportFailure(options, startedAt, error)
    throw error
  }
}

/** An empty set is an answer too: its issuer has withdrawn every key. */
function readAnswer(
  answer: HttpResponse,
  algorithms: readonly SignatureAlgorithm[],
  known: readonly VerificationKey[],
): readonly VerificationKey[] {
  if (answer.status !== 200) throw new UnusableAnswer(`status_${answer.status}`)
  const keys = readVerificationKeys(parseJsonObject(answer.body), algorithms, known)
  if (!keys) throw new UnusableAnswer('no_key_set')
  return keys
}

class UnusableAnswer extends Error {
  override readonly name = 'UnusableAnswer'
  readonly reason: Reason

  constructor(reason: Reason) {
    super(`the answer is no key set (${reason})`)
    this.reason = reason
  }
}

/** A reading in the background fails nobody's request, so that this is the only place where it can be seen. */
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
