import { getRequestListener } from '@hono/node-server'
import express5, { type RequestHandler } from 'express'
import express4 from 'express4'
import Fastify from 'fastify'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it, onTestFinished } from 'vitest'
import { memberstackWebhook } from '../src/adapters/express.js'
import { perennialWebhook } from '../src/adapters/fastify.js'
import { createWebhookHandler } from '../src/adapters/fetch.js'
import type { Perennial } from '../src/http/perennial.js'
import { createMemberstackApp } from './kit/memberstack-app.js'
import { listen } from './kit/servers.js'

const path = '/v1/webhooks/memberstack'

type Express = typeof express5

/** Keeps the bytes of a parsed body, as platforms do that parse first. */
const keepRawBody = {
  verify: (request: object, _response: unknown, bytes: Buffer) => {
    Object.assign(request, { rawBody: bytes })
  },
}

async function mountExpress(
  express: Express,
  perennial: Perennial,
  parsers: readonly RequestHandler[] = [],
): Promise<string> {
  const app = express()
  for (const parser of parsers) app.use(parser)
  app.use(path, memberstackWebhook(perennial))
  return (await listen(app)).origin
}

async function mountFastify(perennial: Perennial): Promise<string> {
  const app = Fastify({ forceCloseConnections: true })
  onTestFinished(() => app.close())
  app.register(perennialWebhook, { prefix: path, perennial })
  return await app.listen({ port: 0, host: '127.0.0.1' })
}

/** Google Cloud Functions parses a body first, and hands on a stream that has ended. */
async function mountFastifyWithRawBody(perennial: Perennial): Promise<string> {
  const app = Fastify()
  app.register(perennialWebhook, { prefix: path, perennial })
  await app.ready()
  onTestFinished(() => app.close())
  const { origin } = await listen((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      Object.assign(request, { rawBody: Buffer.concat(chunks) })
      app.server.emit('request', request, response)
    })
  })
  return origin
}

async function mountFetch(perennial: Perennial): Promise<string> {
  const listener = getRequestListener(createWebhookHandler(perennial))
  const { origin } = await listen((request, response) => void listener(request, response))
  return origin
}

const mounts: readonly [string, (perennial: Perennial) => Promise<string>][] = [
  ['Express 5', (perennial) => mountExpress(express5, perennial)],
  ['Express 4', (perennial) => mountExpress(express4, perennial)],
  [
    'Express 5 after a parser that keeps rawBody',
    (perennial) =>
      mountExpress(express5, perennial, [express5.json({ ...keepRawBody, type: '*/*', limit: '4mb' })]),
  ],
  [
    'Express 4 after a form parser that keeps rawBody',
    (perennial) =>
      mountExpress(express4, perennial, [
        express4.urlencoded({ ...keepRawBody, type: '*/*', limit: '4mb', extended: false }),
      ]),
  ],
  [
    'Express 5 after express.text()',
    (perennial) => mountExpress(express5, perennial, [express5.text({ type: '*/*', limit: '4mb' })]),
  ],
  ['Fastify', mountFastify],
  ['Fastify on a platform that keeps rawBody', mountFastifyWithRawBody],
  ['fetch', mountFetch],
]

describe.each(mounts)('the webhook on %s', (_name, mount) => {
  async function deliver(bytes: number, contentType = 'application/json') {
    const { emulator, perennial } = await createMemberstackApp()
    const origin = await mount(perennial)
    const event = { event: 'member.deleted', payload: { id: 'mem_ada', customFields: { text: '' } } }
    event.payload.customFields.text = 'x'.repeat(bytes - JSON.stringify(event).length)
    const body = JSON.stringify(event)
    const now = new Date()
    const answer = await fetch(origin + path, {
      method: 'POST',
      body,
      headers: {
        'content-type': contentType,
        'svix-id': 'msg_1',
        'svix-timestamp': String(Math.floor(now.getTime() / 1000)),
        'svix-signature': new Webhook(emulator.webhookSecret).sign('msg_1', now, body),
      },
    })
    return { status: answer.status, text: await answer.text() }
  }

  it('may have 1 MiB, and no more', async () => {
    expect(await deliver(1024 * 1024)).toMatchObject({ status: 204 })
    const { status, text } = await deliver(1024 * 1024 + 1)
    expect(status).toBe(413)
    expect(JSON.parse(text)).toMatchObject({ code: 'AUTH_REQUEST_TOO_LARGE' })
  })

  it.each(['text/plain', 'application/octet-stream', 'application/x-www-form-urlencoded'])(
    'is read as JSON where it is labelled %s',
    async (contentType) => {
      expect(await deliver(500, contentType)).toMatchObject({ status: 204 })
    },
  )
})
