import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createHttpClient, createPerennial, type HttpClient, type Perennial } from '@perennial/auth'
import { appIdOf, readConfig, type Config, type Environment } from './config/index.js'

/** The part of the process that the commands about sessions use. */
export interface SessionsWorld {
  readonly env: Environment
  readonly readTextFile: (path: string) => string
  readonly print: (line: string) => void
}

/** The order of an operator. */
type Order =
  | {
      readonly kind: 'list'
      readonly memberId: string
      readonly limit: number
      readonly after: string | undefined
    }
  | { readonly kind: 'end'; readonly sessionId: string }
  | { readonly kind: 'end_member'; readonly memberId: string }
  | { readonly kind: 'end_all' }

/** Reads the arguments after `perennial sessions`; null for wrong usage. */
export function parseOrder([verb, ...rest]: readonly string[]): Order | null {
  if (verb !== 'list' && verb !== 'end') return null
  const given = parseOptions(rest)
  if (!given) return null
  return verb === 'list' ? listOrder(given) : endOrder(given)
}

interface Given {
  readonly member?: string | undefined
  readonly session?: string | undefined
  readonly all?: boolean | undefined
  readonly limit?: string | undefined
  readonly after?: string | undefined
}

function listOrder({ member: memberId, session, all, limit = '100', after }: Given): Order | null {
  if (memberId === undefined || (session ?? all) !== undefined || !/^[1-9]\d{0,2}$/.test(limit)) return null
  return { kind: 'list', memberId, limit: Number(limit), after }
}

function endOrder({ member, session, all, ...page }: Given): Order | null {
  const named = [member, session, all].filter((value) => value !== undefined)
  if (named.length !== 1 || Object.keys(page).length > 0) return null
  if (member !== undefined) return { kind: 'end_member', memberId: member }
  return session === undefined ? { kind: 'end_all' } : { kind: 'end', sessionId: session }
}

function parseOptions(args: readonly string[]): Given | null {
  const text = { type: 'string' } as const
  const options = { member: text, session: text, limit: text, after: text, all: { type: 'boolean' } } as const
  try {
    return parseArgs({ args: [...args], options, strict: true }).values
  } catch {
    // It throws for arguments that are not options, and for options without a value.
    return null
  }
}

/**
 * Carries out an order on the store that the environment names. Running instances refuse what ended within 2 s. Returns false if
 * there is no such session.
 * @throws Error in one line for people
 */
export async function carryOut(order: Order, world: SessionsWorld): Promise<boolean> {
  const config = readConfig(world.env, world)
  refuseWithoutStore(config)
  const own = createHttpClient({ proxy: config.proxy })
  try {
    const perennial = await createPerennial(optionsOf(config, own))
    try {
      return await run(order, perennial, world.print)
    } finally {
      await perennial.close()
    }
  } finally {
    await own.close()
  }
}

function refuseWithoutStore({ store, memberstack }: Config): void {
  if (memberstack.kind === 'memberstack' && memberstack.refreshUrl !== undefined)
    throw new Error('MEMBERSTACK_REFRESH_URL is set: in forward mode the service keeps no sessions.')
  if (store.kind === 'memory')
    throw new Error(
      'STORE_URL=memory: is the memory of the service itself, which no other process can reach.',
    )
  if (store.kind === 'sqlite' && !existsSync(store.path))
    throw new Error(
      `There is no store at sqlite:${store.path}: STORE_URL must be what the service runs with.`,
    )
}

function optionsOf(config: Config, httpClient: HttpClient): Parameters<typeof createPerennial>[0] {
  return {
    ...config.perennial,
    store: config.store.url,
    telemetry: { emit: () => {}, observeUpstream: () => {} },
    ...memberstackOf(config, httpClient),
  }
}

function memberstackOf(
  config: Config,
  httpClient: HttpClient,
): Pick<Parameters<typeof createPerennial>[0], 'memberstack' | 'httpClient'> {
  if (config.memberstack.kind === 'memberstack') {
    const { kind: _kind, ...memberstack } = config.memberstack
    return { memberstack, httpClient }
  }
  const memberstack = { appId: appIdOf(config), secretKey: 'sk_sb_emulator', adminUrl: 'http://127.0.0.1' }
  return { memberstack, httpClient: askThisMachine }
}

/** The emulator runs on this machine, so the time of Memberstack is the time here. It knows no member that is asked about. */
const askThisMachine: HttpClient = async () => ({
  status: 200,
  headers: { date: new Date().toUTCString() },
  body: '{"data":null}',
})

async function run(order: Order, { sessions }: Perennial, print: SessionsWorld['print']): Promise<boolean> {
  if (order.kind === 'list') {
    await list(order, sessions, print)
    return true
  }
  if (order.kind === 'end') {
    const isEnded = await sessions.end(order.sessionId)
    print(isEnded ? 'The session has ended.' : 'There is no live session of that id.')
    return isEnded
  }
  const ended =
    order.kind === 'end_all' ? await sessions.endEverything() : await sessions.endAllOf(order.memberId)
  const whose = order.kind === 'end_all' ? 'all members' : 'the member'
  print(
    `${ended.toLocaleString('en')} ${ended === 1 ? 'session has' : 'sessions have'} ended. Earlier member JWTs of ${whose} are refused.`,
  )
  return true
}

async function list(
  { memberId, limit, after }: Extract<Order, { kind: 'list' }>,
  sessions: Perennial['sessions'],
  print: SessionsWorld['print'],
): Promise<void> {
  const page = await sessions.list(memberId, { limit, after })
  for (const { id, createdAt, lastUsedAt, userAgent, jkt } of page.sessions)
    print(
      `${id}  signed in ${short(createdAt)}  refreshed ${short(lastUsedAt)}  ${jkt === undefined ? '' : `bound to key ${jkt.slice(0, 8)}…  `}${printable(userAgent ?? '')}`.trimEnd(),
    )
  if (page.sessions.length === 0) print('The member has no live session.')
  if (page.next !== null) print(`There are more: --after ${page.next}`)
}

function short(instant: string): string {
  return instant.replace('.000Z', 'Z')
}

/** Anybody may choose a user agent, and a terminal obeys control characters. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')
}
