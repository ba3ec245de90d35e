import { fork } from 'node:child_process'
import { once } from 'node:events'
import { request, Agent } from 'node:http'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { appId } from '../session-cost/in-process-memberstack.ts'

/** The service as operators run it, in a process of its own. */
export interface ServiceProcess {
  /** Its CPU seconds until now, all threads. */
  cpuSeconds(): Promise<number>
  /** Presents a refresh token. @throws Error at anything but 200 with both tokens: no figure from errors */
  refresh(refreshToken: string): Promise<Pair>
  /** Exchanges a member JWT. @throws Error at anything but 201 */
  signIn(memberToken: string): Promise<Pair>
  /** Uses an access token. @throws Error at anything but 200 */
  me(accessToken: string): Promise<void>
  close(): Promise<void>
}

/** What a refresh hands out. */
export interface Pair {
  readonly accessToken: string
  readonly refreshToken: string
}

/** Where it finds what, and its secret. */
export interface Told {
  readonly storeUrl: string
  readonly adminUrl: string
  readonly secret: string
}

const child = fileURLToPath(new URL('service-child.ts', import.meta.url))

/** Starts it in production mode on this Redis; limits count, but let one address do as much as it likes. */
export async function startServiceProcess(told: Told): Promise<ServiceProcess> {
  const service = fork(child, {
    env: environmentOf(told),
    execArgv: process.execArgv,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const [url] = await Promise.race([once(service, 'message'), once(service, 'exit').then(ended)])
  const agent = new Agent({ keepAlive: true })
  const { hostname, port } = new URL(String(url))
  const send = createSend({ hostname, port, agent })
  return {
    async cpuSeconds() {
      service.send('cpu')
      const [seconds] = await once(service, 'message')
      return Number(seconds)
    },
    refresh: async (refreshToken) =>
      pairOf(
        await send({ method: 'POST', path: '/v1/auth/refresh-token', json: { refreshToken }, wanted: 200 }),
      ),
    signIn: async (bearer) =>
      pairOf(await send({ method: 'POST', path: '/v1/auth/session', bearer, wanted: 201 })),
    async me(bearer) {
      await send({ method: 'GET', path: '/v1/auth/me', bearer, wanted: 200 })
    },
    async close() {
      agent.destroy()
      const gone = once(service, 'exit')
      service.kill('SIGKILL')
      await gone
    },
  }
}

function environmentOf({ storeUrl, adminUrl, secret }: Told): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
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

function ended(): never {
  throw new Error('the service ended before it listened')
}

interface Sent {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly wanted: number
  readonly bearer?: string
  readonly json?: object
}

function createSend(place: { readonly hostname: string; readonly port: string; readonly agent: Agent }) {
  return ({ method, path, wanted, bearer, json }: Sent): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = {
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      }
      const sent = request({ ...place, method, path, headers }, (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (body += chunk))
        response.on('error', reject)
        response.on('end', () => {
          if (response.statusCode === wanted) resolve(body)
          else reject(new Error(`no figure from errors: ${path} answered ${response.statusCode} ${body}`))
        })
      })
      sent.on('error', reject)
      sent.end(json === undefined ? undefined : JSON.stringify(json))
    })
}

function pairOf(body: string): Pair {
  const { accessToken, refreshToken }: Partial<Pair> = JSON.parse(body)
  if (accessToken && refreshToken) return { accessToken, refreshToken }
  throw new Error('no figure from errors: an answer lacks a token')
}
