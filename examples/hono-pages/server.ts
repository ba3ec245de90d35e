import { readFileSync } from 'node:fs'
import process from 'node:process'
import { serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { createPerennial } from '@perennial/auth'
import { createFetchHandler } from '@perennial/auth/fetch'
import { createPages } from '@perennial/auth/pages'
import { Hono, type Context } from 'hono'
import { html } from 'hono/html'
import { createMiddleware } from 'hono/factory'

const {
  MEMBERSTACK_APP_ID: appId = '',
  MEMBERSTACK_SECRET_KEY: secretKey,
  MEMBERSTACK_ADMIN_URL: adminUrl,
  MEMBERSTACK_SCRIPT_URL: memberstackScript = 'https://static.memberstack.com/scripts/v2/memberstack.js',
  PERENNIAL_SECRET: secret,
  PORT = '3000',
} = process.env

const perennial = await createPerennial({
  store: 'sqlite:./perennial.db',
  secret,
  memberstack: { appId, secretKey, adminUrl },
  refreshTokenTransport: 'cookie',
  pages: true,
})
// Rate limits are counted by this address.
const clientAddress = (_request: Request, context: Context) => getConnInfo(context).remote.address
const pages = createPages(perennial, { clientAddress })
const handle = createFetchHandler(perennial, { clientAddress })

/** Renews the tokens of the visitor. The page behind it reads `context.req.raw`. */
const renewed = createMiddleware(async (context, next) => {
  const response = await pages.handle(
    context.req.raw,
    async (request) => {
      context.req.raw = request
      await next()
      return context.res
    },
    context,
  )
  // Hono adds the headers of the earlier answer to those of a new one, unless there is no earlier one.
  context.res = undefined
  context.res = response
})

const script = readFileSync(new URL(import.meta.resolve('@perennial/client/global')), 'utf8')
const page = (context: Context, title: string, content: string) =>
  html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <title>${title}</title>
      <script defer src="${memberstackScript}"></script>
      <script
        defer
        src="/perennial.global.js"
        data-perennial-url="${new URL(context.req.url).origin}"
        data-perennial-storage="cookie"
      ></script>
      <h1>${title}</h1>
      <p id="greeting">${content}</p>
    </html>`

const app = new Hono()
app.all('/v1/auth/*', (context) => handle(context.req.raw, context))
app.get('/perennial.global.js', (context) => context.body(script, 200, { 'content-type': 'text/javascript' }))
app.use(renewed)
app.get('/', async (context) => {
  const member = await pages.memberOf(context.req.raw)
  return context.html(page(context, 'Welcome', member ? `Hello ${member.email}` : 'Hello visitor'))
})
app.get('/account', async (context) => {
  const member = await pages.memberOf(context.req.raw)
  return member ? context.html(page(context, 'Your account', member.email)) : context.redirect('/')
})
app.get('/pro', async (context) => {
  const member = await pages.memberOf(context.req.raw)
  // The roles are the member's permissions and the ids of the active plans.
  if (!member?.roles.includes('pln_pro'))
    return context.html(page(context, 'Upgrade', 'This page is part of the plan Pro.'), 403)
  return context.html(page(context, 'Pro', `Everything, ${member.email}`))
})

const server = serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' }, (address) => {
  process.stdout.write(`Listening: ${JSON.stringify(address)}\n`)
})
process.once('SIGTERM', () => server.close(() => void perennial.close()))
