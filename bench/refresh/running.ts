import { memberTokenOf } from '../session-cost/in-process-memberstack.ts'
import { post, readKeySet, type KeySet } from './answer.ts'
import type { ChildReady, ChildSettings, Usage } from './child.ts'
import type { Contender } from './servers.ts'
import type { HeldSession } from './load.ts'
import { startProcess } from './process.ts'
import type { StoreOfRow } from './store-of-row.ts'
import type { UpstreamReady } from './upstream.ts'
import { memberIdOf, upstreamRefreshToken } from './upstream-tokens.ts'

/** A contender that was started, and the sessions that are refreshed there. */
export interface Running {
  readonly contender: Contender
  readonly port: number
  readonly sessions: readonly HeldSession[]
  readonly keySet: KeySet
  readonly usage: () => Promise<Usage & { readonly redisCpuSeconds: number | null }>
  readonly stop: () => Promise<void>
}

/** What a contender is started with. */
export interface RunningOptions {
  readonly upstream: UpstreamReady
  readonly store: StoreOfRow
  readonly sessions: number
  readonly profileFolder?: string | undefined
}

/** Starts a contender in a process of its own and signs its members in. */
export async function run(contender: Contender, options: RunningOptions): Promise<Running> {
  const { upstream, store, profileFolder } = options
  const settings: ChildSettings = {
    name: contender.name,
    surroundings: {
      upstreamUrl: `http://127.0.0.1:${upstream.port}`,
      upstreamJwks: upstream.jwks,
      storeUrl: store.url,
    },
  }
  const server = await startProcess<ChildReady>({
    file: new URL('child.ts', import.meta.url),
    settings,
    profile: profileFolder === undefined ? undefined : { folder: profileFolder, name: slugOf(contender) },
  })
  const { port } = server.ready
  try {
    const sessions = await signIn(contender, port, options.sessions)
    await server.ask(contender.adminQuota ?? 'lifted')
    return {
      contender,
      port,
      sessions,
      keySet: await keySetOf(contender, port, upstream),
      usage: async () => ({
        ...(await server.ask<Usage>('usage')),
        redisCpuSeconds: await store.redisCpuSeconds(),
      }),
      stop: () => server.stop(),
    }
  } catch (error) {
    await server.stop()
    throw error
  }
}

function slugOf({ name }: Contender): string {
  return name.replaceAll(/\W+/g, '-')
}

/** Who has no sessions of its own takes the upstream's first refresh tokens. */
async function signIn(contender: Contender, port: number, count: number): Promise<HeldSession[]> {
  const sessions: HeldSession[] = []
  for (let member = 0; member < count; member += 1) {
    const memberId = memberIdOf(member)
    const refreshToken =
      contender.mode === 'upstream'
        ? upstreamRefreshToken(slugOf(contender), member, 0)
        : await exchange(port, memberId)
    sessions.push({ memberId, refreshToken, generation: 1 })
  }
  return sessions
}

async function exchange(port: number, memberId: string): Promise<string> {
  const authorization = `Bearer ${memberTokenOf(memberId, Date.now() / 1000)}`
  const { status, body } = await post({ port, path: '/v1/auth/session' }, undefined, { authorization })
  if (status !== 201) throw new Error(`no figure from errors: a sign-in answered ${status} ${body}`)
  const { refreshToken }: { refreshToken: string } = JSON.parse(body)
  return refreshToken
}

async function keySetOf({ mode }: Contender, port: number, upstream: UpstreamReady): Promise<KeySet> {
  if (mode === 'upstream') return readKeySet(upstream.jwks)
  const answer = await fetch(`http://127.0.0.1:${port}/.well-known/jwks.json`)
  return readKeySet(await answer.text())
}
