import { createPerennial, type AuthRequest } from '@perennial/auth'
import { appId, memberClaims, secret } from '../kit/members.ts'
import { inProcessMemberstack } from '../kit/memberstack.ts'
import { createSigner } from '../kit/signer.ts'

/** Within the quota of the admin API for one second, so that refreshes at once never wait for it. */
export const mostAtOnce = 20

const unlimited = 1_000_000_000

/** Opens Perennial on a store with live sessions. Its clock advances by more than a second before each group of refreshes. */
export async function createRefresher(store: string, sessions: number) {
  let now = Math.floor(Date.now() / 1000)
  const perennial = await createPerennial({
    store,
    secret,
    memberstack: { appId, secretKey: 'sk_bench' },
    rateLimits: { ipPerMinute: unlimited, ipTotalPerMinute: unlimited, sessionPerMinute: unlimited },
    httpClient: inProcessMemberstack,
    clock: () => now,
  })
  /** Returns the refresh token of the answer. @throws Error unless it has this status and both tokens */
  const send = async (wanted: number, request: AuthRequest): Promise<string> => {
    const { status, body } = await perennial.handle(request)
    const answer: { accessToken?: string; refreshToken?: string } = JSON.parse(body ?? '{}')
    if (status === wanted && answer.accessToken && answer.refreshToken) return answer.refreshToken
    throw new Error(`no figure from errors: ${request.path} answered ${status} instead of ${wanted}`)
  }
  const member = createSigner('RS256', 'bench')
  const tokens: string[] = []
  for (let index = 0; index < sessions; index += 1) {
    now += 1.1
    const authorization = `Bearer ${member.sign(memberClaims(index, now))}`
    tokens.push(await send(201, post('/session', { authorization })))
  }
  let next = 0
  const refreshNext = async () => {
    const place = next
    next = (next + 1) % tokens.length
    const json = { 'content-type': 'application/json' }
    tokens[place] = await send(200, post('/refresh-token', json, { refreshToken: tokens[place] ?? '' }))
  }
  return {
    /** Refreshes the sessions in turn, `atOnce` at a time. */
    async run(refreshes: number, atOnce: number): Promise<void> {
      for (let done = 0; done < refreshes; done += atOnce) {
        now += 1.1
        await Promise.all(Array.from({ length: Math.min(atOnce, refreshes - done) }, refreshNext))
      }
    },
    close: () => perennial.close(),
  }
}

function post(path: string, headers: Readonly<Record<string, string>>, value?: unknown): AuthRequest {
  return {
    method: 'POST',
    path,
    ip: '127.0.0.1',
    requestId: 'bench',
    header: (name) => headers[name],
    readBody: () => Promise.resolve({ kind: 'parsed', value }),
  }
}
