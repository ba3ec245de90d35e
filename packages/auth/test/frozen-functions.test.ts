import process from 'node:process'
import { startEmulator } from '@perennial/emulator'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFetchHandler } from '../src/adapters/fetch.js'
import { createPerennial } from '../src/compose/index.js'
import { startFrozenFunction, toFetch, type FunctionRequest } from './kit/frozen-function.js'
import { hasPostgres, startPostgres } from './kit/postgres.js'
import { createRecorder } from './kit/recorder.js'

const requests = process.env['PERENNIAL_LONG'] ? 1_000 : 150
const secret = Buffer.alloc(32, 7).toString('base64')
const noLimit = 1_000_000

/** Two instances, one after another the receivers of requests. */
type Call = (request: FunctionRequest, instance: number) => Promise<Response>

interface Answer {
  readonly status: number
  readonly code: unknown
  readonly accessToken: string
  readonly refreshToken: string
}

async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text()
  const body: Record<string, unknown> = text === '' ? {} : JSON.parse(text)
  const textOf = (name: string) => (typeof body[name] === 'string' ? body[name] : '')
  return {
    status: response.status,
    code: body['code'],
    accessToken: textOf('accessToken'),
    refreshToken: textOf('refreshToken'),
  }
}

/** Tokens of one session, by generation, in the world of the frozen processes and in the other one. */
interface Tracked {
  readonly access: [string, string][]
  readonly refresh: [string, string][]
}

/** Returns numbers from 0 to 1 that are the same in every run. */
function createChance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

/** Random requests of honest members, a thief and people who sign out, to either of two instances. */
async function runHistory(both: (request: Pair) => Promise<readonly [Answer, Answer]>, signIn: SignIn) {
  const chance = createChance(20_261_128)
  const pick = <T>(list: readonly T[]) => list[Math.floor(chance() * list.length)]
  const sessions: Tracked[] = []
  const seen = new Map<string, number>()
  const ask = async (route: string, tokens: Pick<Pair, 'tokens' | 'refreshTokens'>) => {
    const answers = await both({ route, instance: chance() < 0.5 ? 0 : 1, ...tokens })
    const [frozen, other] = answers
    expect([frozen.status, frozen.code], `${route} as by a process that is never stopped`).toEqual([
      other.status,
      other.code,
    ])
    expect(frozen.refreshToken === '').toBe(other.refreshToken === '')
    const outcome = `${route} ${frozen.status}`
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1)
    return answers
  }
  const keep = (session: Tracked, [frozen, other]: readonly [Answer, Answer]) => {
    if (frozen.accessToken) session.access.push([frozen.accessToken, other.accessToken])
    if (frozen.refreshToken) session.refresh.push([frozen.refreshToken, other.refreshToken])
  }
  for (let request = 0; request < requests; request += 1) {
    const session = pick(sessions.slice(-4))
    const turn = chance()
    if (!session || turn < 0.12) {
      const started: Tracked = { access: [], refresh: [] }
      keep(started, await ask('POST /session', { tokens: await signIn() }))
      sessions.push(started)
    } else if (turn < 0.45) await ask('GET /me', { tokens: session.access.at(-1) })
    else if (turn < 0.55) await ask('GET /me', { tokens: pick(session.access) })
    else if (turn < 0.85)
      keep(session, await ask('POST /refresh-token', { refreshTokens: session.refresh.at(-1) }))
    else if (turn < 0.94)
      keep(session, await ask('POST /refresh-token', { refreshTokens: pick(session.refresh) }))
    else await ask('DELETE /session', { tokens: session.access.at(-1) })
  }
  return seen
}

interface Pair {
  readonly route: string
  readonly instance: number
  readonly tokens?: readonly [string, string] | undefined
  readonly refreshTokens?: readonly [string, string] | undefined
}

type SignIn = () => Promise<readonly [string, string]>

describe.runIf(hasPostgres())('functions that are frozen right after each answer', () => {
  it(
    `answer ${requests} random requests as processes do that are never stopped`,
    { timeout: 60_000 + requests * 500 },
    async () => {
      const server = await startPostgres()
      onTestFinished(() => server.remove())
      let now = Math.floor(Date.now() / 1000)
      const emulator = await startEmulator({ clock: () => now })
      onTestFinished(() => emulator.close())
      const { appId, secretKey, adminUrl, issuer } = emulator
      const options = {
        store: server.url,
        secret,
        refreshGraceSeconds: 0,
        afterAnswer: 'await' as const,
        memberstack: { appId, secretKey, adminUrl, issuer, requestsPerSecond: 1000 },
        rateLimits: { ipPerMinute: noLimit, ipTotalPerMinute: noLimit, sessionPerMinute: noLimit },
      }
      const { afterAnswer: _, ...functionOptions } = options
      const frozen = await Promise.all(
        [0, 1].map(() => startFrozenFunction({ ...functionOptions, prefix: 'frozen' }, now)),
      )
      onTestFinished(async () => {
        for (const one of frozen) await one.close()
      })
      const recorder = createRecorder()
      const running = await Promise.all(
        [0, 1].map(async () => {
          const perennial = await createPerennial({
            ...options,
            prefix: 'running',
            telemetry: recorder,
            clock: () => now,
          })
          onTestFinished(() => perennial.close())
          return createFetchHandler(perennial)
        }),
      )
      const callFrozen: Call = async (request, instance) => {
        const called = await frozen[instance]?.call(request)
        return called ?? Response.error()
      }
      const callRunning: Call = async (request, instance) => {
        const handled = await running[instance]?.(new Request(...toFetch('http://function', request)))
        return handled ?? Response.error()
      }
      const chance = createChance(7)
      const both = async ({ route, instance, tokens, refreshTokens }: Pair) => {
        // Seldom so long that access tokens expire; mostly longer than the list of ended sessions may be old.
        now += chance() < 0.02 ? 3_700 : Math.floor(chance() * 8)
        const requestOf = (world: 0 | 1): FunctionRequest => ({
          route,
          now,
          token: tokens?.[world],
          body: refreshTokens && { refreshToken: refreshTokens[world] },
        })
        return [
          await readAnswer(await callFrozen(requestOf(0), instance)),
          await readAnswer(await callRunning(requestOf(1), instance)),
        ] as const
      }
      const signIn: SignIn = async () => {
        const [one, other] = [await emulator.issueTokens(), await emulator.issueTokens()]
        return [one.accessToken, other.accessToken]
      }
      const seen = await runHistory(both, signIn)
      for (const outcome of [
        'POST /session 201',
        'GET /me 200',
        'GET /me 401',
        'POST /refresh-token 200',
        'POST /refresh-token 401',
        'DELETE /session 204',
      ])
        expect(seen.get(outcome), outcome).toBeGreaterThan(0)
      const thefts = recorder.events.filter(({ event }) => event === 'session_reuse_detected')
      expect(thefts.length).toBeGreaterThan(0)
    },
  )
})
