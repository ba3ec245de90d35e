import { AuthError, type Clock, isLoopback, type Perennial } from '@perennial/auth'
import { authenticate } from '@perennial/auth/fastify'
import type { Emulator } from '@perennial/emulator'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { listFiles } from './demo-files.js'
import { demoMembers } from './page-content.js'
import { renderDemoPage } from './page.js'
import { revokeFromElsewhere } from './revoke-from-elsewhere.js'
import {
  addBreakHooks,
  createSwitches,
  createSwitchingPerennial,
  type Switches,
  type SwitchingPerennial,
} from './switches.js'

/** The dependencies of the demo. */
export interface DemoParts {
  readonly emulator: Pick<Emulator, 'issueTokens'>
  readonly perennial: Perennial
  /** Opens a second Perennial on the same store, with access tokens of 60 s; null if the store cannot be opened twice. */
  readonly openShortLived: (() => Promise<Perennial>) | null
  readonly transport: 'body' | 'cookie'
  readonly clock: Clock
}

/** The demo page, and switches that cause faults. */
export interface Demo {
  /** The Perennial that the service must use instead of the given one. */
  readonly perennial: Perennial
  /** Must be called before any route is added. */
  addHooks(app: FastifyInstance): void
  /** Returns the paths that answer GET and HEAD only. */
  addRoutes(app: FastifyInstance): ReadonlySet<string>
}

/** Creates the demo. The caller must not do so in production or beside a real Memberstack. */
export function createDemo(parts: DemoParts): Demo {
  const { emulator, transport, openShortLived, clock } = parts
  const switches = createSwitches(clock)
  const refuse = () => Promise.reject(new TypeError('this store cannot be opened twice'))
  const perennial = createSwitchingPerennial(parts.perennial, switches, openShortLived ?? refuse)
  return {
    perennial,
    addHooks: (app) => addBreakHooks(app, switches),
    addRoutes: (app) =>
      addDemoRoutes(app, {
        emulator,
        perennial,
        switches,
        transport,
        clock,
        canShorten: openShortLived !== null,
      }),
  }
}

/** The dependencies of the routes. */
export interface DemoRouteParts {
  readonly emulator: Pick<Emulator, 'issueTokens'>
  readonly perennial: SwitchingPerennial
  readonly switches: Switches
  readonly transport: 'body' | 'cookie'
  readonly clock: Clock
  /** False for a store in this process's memory, which cannot be opened a second time for one-minute tokens. */
  readonly canShorten: boolean
}

const outageSeconds = 20

/** Adds the page, its files and its switches; returns the paths that answer GET and HEAD only. */
function addDemoRoutes(app: FastifyInstance, parts: DemoRouteParts): ReadonlySet<string> {
  const page = renderDemoPage(parts)
  app.get('/', { helmet: pageHeaders }, (request, reply) =>
    isOpenedHere(request) ? send(reply, 'text/html; charset=utf-8', page) : reply.redirect('/docs', 302),
  )
  const files = listFiles()
  for (const file of files)
    app.get(file.path, async (_request, reply) => send(reply, file.type, await file.read()))
  app.register((scope, _options, done) => {
    addSwitchRoutes(scope, app, parts)
    done()
  })
  return new Set(['/', ...files.map(({ path }) => path)])
}

const pageHeaders = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'"],
      connectSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
      requireTrustedTypesFor: ["'script'"],
    },
  },
}

function addSwitchRoutes(scope: FastifyInstance, app: FastifyInstance, parts: DemoRouteParts): void {
  const { emulator, perennial, switches, clock } = parts
  scope.addHook('onRequest', (request, reply, done) => {
    reply.header('cache-control', 'no-store')
    requireDemoPage(request)
    done()
  })
  scope.get('/demo/api', { onRequest: authenticate(perennial) }, (request) => request.memberstackUser)
  scope.get('/demo/state', () => ({ downSeconds: switches.downSeconds(), tokenLife: switches.tokenLife }))
  for (const { key, memberId } of demoMembers)
    scope.post(`/demo/sign-in/${key}`, async () => {
      const { accessToken } = await emulator.issueTokens({ memberId })
      return { memberJwt: accessToken }
    })
  const order = (path: string, obey: () => unknown) =>
    scope.post(path, async (_request, reply) => {
      await obey()
      return reply.code(204).send()
    })
  order('/demo/lose-answer', () => switches.loseNextAnswer())
  order('/demo/outage', () => switches.takeDown(outageSeconds))
  order('/demo/recover', () => switches.takeDown(0))
  order('/demo/token-life/hour', () => perennial.setTokenLife('hour'))
  if (parts.canShorten) order('/demo/token-life/minute', () => perennial.setTokenLife('minute'))
  scope.post('/demo/revoke', { onRequest: authenticate(perennial) }, async (request, reply) => {
    const { host = '' } = request.headers
    const memberId = request.memberstackUser?.userId
    const sessionId = String(request.memberstackUserRaw?.['sid'])
    const { accessToken: memberJwt } = await emulator.issueTokens({ memberId })
    if (switches.isDown() || !(await revokeFromElsewhere(app, { host, sessionId, memberJwt, clock })))
      throw new AuthError('AUTH_UNAVAILABLE', 'There is no session to end, or the service is down.')
    return reply.code(204).send()
  })
}

/** Returns true if a browser on this machine asks, by a name that no other machine's DNS can point here. */
function isOpenedHere(request: Pick<FastifyRequest, 'headers' | 'socket'>): boolean {
  return isLoopbackPeer(request) && isLoopbackHost(request.headers.host)
}

/**
 * Returns true if the connection comes from this machine. With `HOST=0.0.0.0`, another machine can send `Host: localhost`. A proxy
 * on this machine that names another caller is not believed either.
 */
function isLoopbackPeer({ socket, headers }: Pick<FastifyRequest, 'headers' | 'socket'>): boolean {
  if (headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined) return false
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
  return isLoopback(address === '::1' ? '[::1]' : address)
}

/** Returns true if a `Host` header is a loopback name or address, which no other machine's DNS can point elsewhere. */
function isLoopbackHost(host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false
  return isLoopback(new URL(`http://${host}`).hostname)
}

/**
 * Refuses requests of other pages, DNS rebinding included: only the demo page may use the switches.
 * @throws {@link AuthError} `AUTH_ORIGIN_DENIED`
 */
function requireDemoPage(request: Pick<FastifyRequest, 'method' | 'headers' | 'socket'>): void {
  const { host, origin } = request.headers
  const isOurPage = origin === undefined ? request.method === 'GET' : origin === `http://${host}`
  const isOurs = isOpenedHere(request) && isOurPage
  if (isOurs) return
  throw new AuthError('AUTH_ORIGIN_DENIED', 'The demo answers its own page only, opened on this machine.', {
    reason: 'origin',
  })
}

function send(reply: FastifyReply, type: string, text: string): FastifyReply {
  return reply.type(type).header('cache-control', 'no-cache').send(text)
}
