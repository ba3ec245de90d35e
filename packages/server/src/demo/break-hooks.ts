import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Switches } from './switches.js'

/** Breaks the routes of `/v1/auth` as the switches say, on the wire: the routes themselves know nothing of it. */
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
    // Not done with what was to be sent: something else has been.
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

/** A browser sends a request again by itself when nothing comes back; of an answer that has begun, it reports the loss. */
function cutShort(reply: FastifyReply): void {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
  raw.write('{', () => raw.socket?.destroy())
}
