import type { Perennial } from '@perennial/auth'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** The life of the demo's access tokens. */
export type TokenLife = 'hour' | 'minute'

/** The faults that are switched on at the moment. */
export interface Switches {
  /** Returns true while the service simulates an outage. */
  isDown(): boolean
  /** Returns the rest of the outage in seconds. */
  downSeconds(): number
  takeDown(seconds: number): void
  /** Drops the response to the next refresh; the refresh itself is done. */
  loseNextAnswer(): void
  /** Returns true once after {@link Switches.loseNextAnswer}. */
  takeLoss(): boolean
  tokenLife: TokenLife
}

/** @param clock - seconds since the epoch */
export function createSwitches(clock: () => number): Switches {
  let downUntil = 0
  let losesNext = false
  const downSeconds = () => Math.max(0, downUntil - clock())
  return {
    isDown: () => downSeconds() > 0,
    downSeconds,
    takeDown: (seconds) => void (downUntil = clock() + seconds),
    loseNextAnswer: () => void (losesNext = true),
    takeLoss() {
      const isLost = losesNext
      losesNext = false
      return isLost
    },
    tokenLife: 'hour',
  }
}

/** Applies the switches to the connections of `/v1/auth`; the routes themselves are unchanged. */
export function addBreakHooks(app: FastifyInstance, switches: Switches): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (!isAuthRoute(request) || !switches.isDown()) {
      done()
      return
    }
    reply.hijack()
    request.raw.socket.destroy()
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    // Without `done` Fastify does not send the payload.
    if (isRefreshed(request, reply) && switches.takeLoss()) cutShort(reply)
    else done(null, payload)
  })
}

function isAuthRoute({ url }: FastifyRequest): boolean {
  return url.startsWith('/v1/auth/')
}

function isRefreshed({ url, method }: FastifyRequest, { statusCode }: FastifyReply): boolean {
  return method === 'POST' && url === '/v1/auth/refresh-token' && statusCode === 200
}

/** Sends the beginning of a response. If nothing came back at all, the browser would repeat the request by itself. */
function cutShort(reply: FastifyReply): void {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
  raw.write('{', () => raw.socket?.destroy())
}

/** A Perennial that can issue one-hour or one-minute access tokens, on the same store. */
export interface SwitchingPerennial extends Perennial {
  /** Uses tokens of this life from now on; opens the second Perennial if needed. */
  setTokenLife(life: Switches['tokenLife']): Promise<void>
}

/** @param openShort - opens a second Perennial with tokens of 60 s. `close` closes that one, and not `usual`. */
export function createSwitchingPerennial(
  usual: Perennial,
  switches: Switches,
  openShort: () => Promise<Perennial>,
): SwitchingPerennial {
  let opening: Promise<Perennial> | null = null
  let short: Perennial | null = null
  const current = () => (switches.tokenLife === 'minute' && short ? short : usual)
  return {
    mode: usual.mode,
    handle: (request) => current().handle(request),
    handleWebhook: (request) => usual.handleWebhook(request),
    handleAdmin: (request) => usual.handleAdmin(request),
    sessions: usual.sessions,
    readJwks: () => usual.readJwks(),
    authenticate: (credentials, requestId) => current().authenticate(credentials, requestId),
    requireRoles: (authenticated, roles, requestId) => usual.requireRoles(authenticated, roles, requestId),
    toResponse: (error) => usual.toResponse(error),
    checkReady: () => usual.checkReady(),
    async setTokenLife(life) {
      if (life === 'minute') {
        opening ??= openShort()
        // After a failure the next call tries again.
        short = await opening.catch((error: unknown) => {
          opening = null
          throw error
        })
      }
      switches.tokenLife = life
    },
    async close() {
      await (await opening?.catch(() => null))?.close()
    },
  }
}
