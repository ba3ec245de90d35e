import { createPerennial, type AuthRequest, type Perennial } from '@perennial/auth'
import { appId, askMemberstack, memberTokenOf } from './in-process-memberstack.js'

/** Sessions of one Perennial, refreshed over and over. */
export interface Refresher {
  /** Refreshes so often, `atOnce` at a time. @throws Error when one answer is no 200 with both tokens */
  run(refreshes: number, atOnce: number): Promise<void>
  close(): Promise<void>
}

/** As many as the admin API answers in a second: a wave at a time never waits for the quota. */
export const mostAtOnce = 20

const unlimited = 1_000_000_000

/** Opens Perennial on this store, with a clock that gives each wave of refreshes a second of its own. */
export async function createRefresher(store: string, sessions: number): Promise<Refresher> {
  let now = Math.floor(Date.now() / 1000)
  const perennial = await createPerennial({
    store,
    secret: Buffer.alloc(32, 1).toString('base64'),
    memberstack: { appId, secretKey: 'sk_bench' },
    rateLimits: { ipPerMinute: unlimited, ipTotalPerMinute: unlimited, sessionPerMinute: unlimited },
    httpClient: askMemberstack,
    clock: () => now,
  })
  const tokens: string[] = []
  for (let index = 0; index < sessions; index += 1) {
    now += 1.1
    tokens.push(await signIn(perennial, memberTokenOf(`mem_bench${index}`, now)))
  }
  let next = 0
  const refreshNext = async () => {
    const place = next
    next = (next + 1) % tokens.length
    tokens[place] = await refresh(perennial, tokens[place] ?? '')
  }
  return {
    async run(refreshes, atOnce) {
      for (let done = 0; done < refreshes; done += atOnce) {
        now += 1.1
        await Promise.all(Array.from({ length: Math.min(atOnce, refreshes - done) }, refreshNext))
      }
    },
    close: () => perennial.close(),
  }
}

function request(path: string, headers: Readonly<Record<string, string>>, value: unknown): AuthRequest {
  return {
    method: 'POST',
    path,
    ip: '127.0.0.1',
    requestId: 'bench',
    header: (name) => headers[name],
    readBody: () => Promise.resolve({ kind: 'parsed', value }),
  }
}

const signIn = (perennial: Perennial, memberToken: string) =>
  send(perennial, 201, request('/session', { authorization: `Bearer ${memberToken}` }, undefined))

const refresh = (perennial: Perennial, refreshToken: string) =>
  send(perennial, 200, request('/refresh-token', { 'content-type': 'application/json' }, { refreshToken }))

async function send(perennial: Perennial, wanted: number, asked: AuthRequest): Promise<string> {
  const { status, body } = await perennial.handle(asked)
  const answer: { accessToken?: string; refreshToken?: string } = JSON.parse(body ?? '{}')
  if (status === wanted && answer.accessToken && answer.refreshToken) return answer.refreshToken
  throw new Error(`no figure from errors: ${asked.path} answered ${status} instead of ${wanted}`)
}
