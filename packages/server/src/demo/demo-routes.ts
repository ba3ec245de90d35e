import { AuthError } from '@perennial/auth'
import { authenticate } from '@perennial/auth/fastify'
import type { Emulator } from '@perennial/emulator'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { listScripts } from './demo-files.js'
import { icon } from './icon.js'
import { renderDemoPage } from './page.js'
import { revokeFromElsewhere } from './revoke-from-elsewhere.js'
import { isLoopbackHost, requireDemoPage } from './same-origin.js'
import { style } from './style.js'
import type { Switches } from './switches.js'
import type { SwitchingPerennial } from './switching-perennial.js'

/** What the routes work with. */
export interface DemoRouteParts {
  readonly emulator: Pick<Emulator, 'issueTokens'>
  readonly perennial: SwitchingPerennial
  readonly switches: Switches
  readonly transport: 'body' | 'cookie'
  /** Whether tokens of a minute can be had: a store of this process's memory cannot be opened twice. */
  readonly canShorten: boolean
}

/** How long the service is away, in seconds. */
const outageSeconds = 20

/** Adds the page, its files and its switches; returns the paths that are only looked at. */
export function addDemoRoutes(app: FastifyInstance, parts: DemoRouteParts): ReadonlySet<string> {
  const page = renderDemoPage(parts)
  app.get('/', { helmet: pageHeaders }, (request, reply) =>
    isLoopbackHost(request.headers.host)
      ? send(reply, 'text/html; charset=utf-8', page)
      : reply.redirect('/docs', 302),
  )
  app.get('/demo/style.css', (_request, reply) => send(reply, 'text/css; charset=utf-8', style))
  app.get('/demo/icon.svg', (_request, reply) => send(reply, 'image/svg+xml', icon))
  const scripts = listScripts()
  for (const script of scripts)
    app.get(script.path, async (_request, reply) => send(reply, script.type, await script.read()))
  app.register((scope, _options, done) => {
    addSwitchRoutes(scope, app, parts)
    done()
  })
  return new Set(['/', '/demo/style.css', '/demo/icon.svg', ...scripts.map(({ path }) => path)])
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
  const { emulator, perennial, switches } = parts
  scope.addHook('onRequest', (request, reply, done) => {
    reply.header('cache-control', 'no-store')
    requireDemoPage(request)
    done()
  })
  scope.get('/demo/api', { onRequest: authenticate(perennial) }, (request) => request.memberstackUser)
  scope.get('/demo/state', () => ({ downSeconds: switches.downSeconds(), tokenLife: switches.tokenLife }))
  scope.post('/demo/sign-in', async () => {
    const { accessToken } = await emulator.issueTokens()
    return { memberJwt: accessToken }
  })
  const order = (path: string, obey: (request: FastifyRequest) => unknown) =>
    scope.post(path, async (request, reply) => {
      await obey(request)
      return reply.code(204).send()
    })
  order('/demo/lose-answer', () => switches.loseNextAnswer())
  order('/demo/outage', () => switches.takeDown(outageSeconds))
  order('/demo/recover', () => switches.takeDown(0))
  order('/demo/token-life/hour', () => perennial.setTokenLife('hour'))
  if (parts.canShorten) order('/demo/token-life/minute', () => perennial.setTokenLife('minute'))
  order('/demo/revoke', async ({ headers: { host = '', authorization = '' } }) => {
    const { accessToken: memberJwt } = await emulator.issueTokens()
    if (switches.isDown() || !(await revokeFromElsewhere(app, { host, authorization, memberJwt })))
      throw new AuthError('AUTH_UNAVAILABLE', 'There is no session to end, or no service to end it.')
  })
}

function send(reply: FastifyReply, type: string, text: string): FastifyReply {
  return reply.type(type).header('cache-control', 'no-cache').send(text)
}
