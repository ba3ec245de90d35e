import { expect } from 'vitest'
import { AuthError } from '../src/base/errors.js'
import { boundCookieName } from '../src/http/cookies.js'
import { shownProof } from '../src/http/device-routes.js'
import type { AuthRequest } from '../src/http/index.js'
import type { DeviceKeys, DeviceRenewal } from '../src/sessions/device-keys.js'
import type { PresentedProof } from '../src/tokens/index.js'
import { proveDevice } from './kit/device-browser.js'
import type { FakeTime } from './kit/fake-time.js'
import { createProver, type Prover } from './kit/proofs.js'

/** A cookie that shows a key, and the second of the answer that had it. */
interface ShortCookie {
  readonly text: string
  readonly setAt: number
}

/** The key of the member's browser for one session (Device Bound Session Credentials), as everybody sees it. */
export interface DeviceTrack {
  readonly prover: Prover
  readonly signedInAt: number
  /** The challenge of the sign-in, until it was used. */
  challenge: string | null
  /** The name of the session that the browser renews. */
  identifier: string | null
  short: ShortCookie | null
  /** The cookie that a thief has copied. He may use it for longer than the browser does. */
  stolen: ShortCookie | null
  /** The last proofs that the service has taken. */
  readonly taken: { registration: string | null; renewal: string | null }
  isBound: boolean
}

/** The answers to a request for a key, but for a cookie and a challenge. */
type KeyAnswer = 'over' | 'refused' | 'trouble'

/** The browser drops the cookie after so many seconds, and the service takes it for a minute more. */
const keptByBrowserSeconds = 600
const keptByServiceSeconds = 660
/** A request that left without the cookie may arrive so many seconds after the sign-in. */
const onTheirWaySeconds = 180
const challengeSeconds = 120

/** Creates the track of a browser after its sign-in. */
export function trackDevice(devices: DeviceKeys, refreshToken: string, now: number): DeviceTrack {
  return {
    prover: createProver(),
    signedInAt: now,
    challenge: devices.offer(refreshToken),
    identifier: null,
    short: null,
    stolen: null,
    taken: { registration: null, renewal: null },
    isBound: false,
  }
}

/** Returns the cookie that a request has. A browser sends none that it has dropped. */
export function shownBy(device: DeviceTrack, by: 'member' | 'thief', now: number): ShortCookie | null {
  if (by === 'thief') return device.stolen
  return device.short && now < device.short.setAt + keptByBrowserSeconds ? device.short : null
}

/** Returns true if a request with this cookie shows the key of the session. */
export function isShown(shown: ShortCookie | null, now: number): boolean {
  return shown !== null && now < shown.setAt + keptByServiceSeconds
}

/** The outcome of a request to a bound session that does not show its key. */
export function unshownOutcome(
  { signedInAt }: DeviceTrack,
  shown: ShortCookie | null,
  { now, isSkipped }: { readonly now: number; readonly isSkipped: boolean },
): 'unproven' | 'trouble' {
  const isOnItsWay = shown === null && now < signedInAt + onTheirWaySeconds
  return isSkipped || isOnItsWay ? 'trouble' : 'unproven'
}

/** Returns the proof that the cookies of a request are, as the routes read it. */
export function proofShown(
  devices: DeviceKeys,
  shown: ShortCookie | null,
  { isSkipped = false, method = 'POST' }: { readonly isSkipped?: boolean; readonly method?: string } = {},
): PresentedProof | undefined {
  // The cookie begins with the id of its session.
  const [sessionId = ''] = shown?.text.split('.') ?? []
  const headers: Readonly<Record<string, string | undefined>> = {
    cookie: shown ? `${boundCookieName(sessionId)}=${shown.text}` : undefined,
    'secure-session-skipped': isSkipped ? 'quota_exceeded' : undefined,
  }
  const request: AuthRequest = {
    method,
    path: '',
    requestId: 'r',
    header: (name) => headers[name],
    readBody: async () => ({ kind: 'bytes', bytes: new Uint8Array() }),
  }
  return shownProof(request, { devices, ofSession: sessionId })
}

/** A request for a key: the instance that it comes to, a refresh token of its session, and the state of both. */
export interface KeyRequest {
  readonly devices: DeviceKeys
  readonly refreshToken: string
  readonly world: FakeTime
  /** The session has neither ended nor expired. */
  readonly isLive: boolean
  /** The answer does not reach the browser. */
  readonly isLost?: boolean
}

/** The browser registers its key, once. A lost answer leaves it without one, and the session as it was. */
export async function register(device: DeviceTrack, request: KeyRequest): Promise<void> {
  const { challenge, prover, taken } = device
  if (challenge === null) return
  const { devices, refreshToken, world, isLive, isLost = false } = request
  device.challenge = null
  const proof = proveDevice(prover, challenge)
  const got = await answerOf(devices.register({ refreshToken, proof }))
  const isInTime = world.now < device.signedInAt + challengeSeconds
  expect(got.kind, 'a registration').toBe(isLive && isInTime ? 'proven' : 'refused')
  if (got.kind !== 'proven') return
  taken.registration = proof
  if (!isLost) receive(device, got, world.now)
}

/** The browser renews its cookie. If the last answer was lost, it sends its proof again first. */
export async function renew(device: DeviceTrack, request: KeyRequest): Promise<void> {
  const { identifier, prover, taken } = device
  if (identifier === null) return
  const { devices, refreshToken, world, isLive, isLost = false } = request
  const ask = (proof?: string) => renewOnce(devices, identifier, { refreshToken, proof })
  const asked = await ask(taken.renewal ?? undefined)
  expect(asked.kind, 'a challenge').toBe(isLive ? 'challenge' : 'over')
  if (asked.kind !== 'challenge') return void (device.identifier = null)
  const proof = proveDevice(prover, asked.challenge, { header: { jwk: undefined } })
  const got = await ask(proof)
  expect(got.kind, 'a renewal').toBe('proven')
  device.isBound = true
  taken.renewal = proof
  if (!isLost && got.kind === 'proven') receive(device, got, world.now)
}

/** A thief with all cookies, the name of the session, all proofs that were taken, and a key of its own gets nothing of these routes. */
export async function tryAsThief(device: DeviceTrack, { devices, refreshToken }: KeyRequest): Promise<void> {
  const { identifier, taken } = device
  const thief = createProver()
  const ask = (proof?: string) => renewOnce(devices, identifier ?? '', { refreshToken, proof })
  const asked = await ask()
  const challenge = asked.kind === 'challenge' ? asked.challenge : ''
  const tries = [
    devices.register({ refreshToken, proof: proveDevice(thief, challenge) }),
    devices.register({ refreshToken, proof: proveDevice(thief, challengeIn(taken.registration)) }),
    ...(taken.registration ? [devices.register({ refreshToken, proof: taken.registration })] : []),
    ask(proveDevice(thief, challenge, { header: { jwk: undefined } })),
    ...(taken.renewal ? [ask(taken.renewal)] : []),
  ]
  for (const { kind } of await Promise.all(tries.map(answerOf)))
    expect(kind, 'a thief without the key').not.toBe('proven')
}

type Answer = { readonly kind: KeyAnswer } | Extract<DeviceRenewal, { kind: 'proven' | 'challenge' }>

async function answerOf(work: Promise<DeviceRenewal>): Promise<Answer> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    return { kind: error.code === 'AUTH_PROOF_INVALID' ? 'refused' : 'trouble' }
  }
}

/** Sends a renewal. A proof that is refused with another challenge gets that challenge. */
async function renewOnce(
  devices: DeviceKeys,
  identifier: string,
  request: { readonly refreshToken: string; readonly proof: string | undefined },
): Promise<DeviceRenewal> {
  try {
    return await devices.renew(identifier, request, (challenge) => ({ challenge }))
  } catch (error) {
    const challenge = error instanceof AuthError ? error.headers['challenge'] : undefined
    if (challenge === undefined) throw error
    return { kind: 'challenge', challenge }
  }
}

function receive(device: DeviceTrack, got: Extract<Answer, { identifier: string }>, now: number): void {
  device.identifier = got.identifier
  device.short = { text: got.cookie, setAt: Math.floor(now) }
}

function challengeIn(proof: string | null): string {
  if (proof === null) return ''
  const claims: { readonly jti: string } = JSON.parse(
    Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString(),
  )
  return claims.jti
}
