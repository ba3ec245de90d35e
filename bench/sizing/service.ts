import process from 'node:process'
import { readConfig, startService } from '@perennial/server'
import { createClient } from '../kit/client.ts'
import type { Request } from '../kit/connection.ts'
import { startProcess, type BenchProcess, type Started } from '../kit/process.ts'
import { appId } from '../kit/tokens.ts'

/** The tokens of a sign-in or a refresh. */
export interface Pair {
  readonly accessToken: string
  readonly refreshToken: string
}

/** The service as operators run it, in a process of its own. */
export interface Service {
  /** The CPU seconds of all its threads. */
  cpuSeconds(): Promise<number>
  /** Presents a refresh token. @throws Error unless the answer is 200 with both tokens: no figure from errors */
  refresh(refreshToken: string): Promise<Pair>
  /** Exchanges a member JWT. @throws Error unless the answer is 201 with both tokens */
  signIn(memberToken: string): Promise<Pair>
  /** Uses an access token. @throws Error unless the answer is 200 */
  me(accessToken: string): Promise<void>
  close(): Promise<void>
}

interface ServiceOptions {
  readonly storeUrl: string
  readonly adminUrl: string
  readonly secret: string
}

/** Starts it in production mode on a Redis. Its limits count, but one address may send any number of requests. */
export async function startServiceProcess(options: ServiceOptions): Promise<Service> {
  const service: BenchProcess<number> = await startProcess(new URL(import.meta.url), null, {
    environment: environmentOf(options),
    output: 'ignore',
  })
  const client = createClient(service.ready)
  const pairOf = async (status: number, request: Request): Promise<Pair> => {
    const { accessToken, refreshToken }: Partial<Pair> = JSON.parse(await client.expect(status, request))
    if (accessToken && refreshToken) return { accessToken, refreshToken }
    throw new Error('no figure from errors: an answer lacks a token')
  }
  return {
    cpuSeconds: async () => (await service.usage()).cpuSeconds,
    refresh: (refreshToken) =>
      pairOf(200, { method: 'POST', path: '/v1/auth/refresh-token', json: { refreshToken } }),
    signIn: (token) => pairOf(201, { method: 'POST', path: '/v1/auth/session', token }),
    me: async (token) => void (await client.expect(200, { path: '/v1/auth/me', token })),
    async close() {
      client.close()
      await service.stop()
    },
  }
}

/** Runs in that process. */
export async function start(): Promise<Started<number>> {
  const service = await startService(readConfig(process.env, { readTextFile: () => '' }))
  return { ready: Number(new URL(service.url).port) }
}

function environmentOf({ storeUrl, adminUrl, secret }: ServiceOptions): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    PORT: '0',
    STORE_URL: storeUrl,
    PERENNIAL_SECRET: secret,
    MEMBERSTACK_APP_ID: appId,
    MEMBERSTACK_SECRET_KEY: 'sk_bench',
    MEMBERSTACK_ADMIN_URL: adminUrl,
    RATE_LIMIT_IP_PER_MINUTE: '1000000',
    RATE_LIMIT_IP_TOTAL_PER_MINUTE: '1000000',
  }
}
