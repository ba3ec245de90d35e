import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { CallCounts } from '../controls/call-counts.js'
import { isAnswer, type Fault, type Faults, type Strike } from '../controls/faults.js'

/** The name of the called route, such as `GET /members/:idOrEmail`; null for what is not counted. */
function routeOf(request: FastifyRequest): string | null {
  const { url } = request.routeOptions
  if (url === undefined || url.startsWith('/_emulator') || request.method === 'OPTIONS') return null
  return `${request.method} ${url}`
}

function sendFault(fault: Fault, reply: FastifyReply): FastifyReply {
  const { status = 200, body = { code: 'fault', message: 'A fault was set for this route.' } } = fault
  const isHtml = typeof body === 'string' && body.trimStart().startsWith('<')
  return reply
    .code(status)
    .header('content-type', isHtml ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8')
    .headers({ ...fault.headers })
    .send(typeof body === 'string' ? body : JSON.stringify(body))
}

/** Counts every call as it arrives, and lets the faults that are set strike. */
export function controlCalls(
  app: FastifyInstance,
  { calls, faults }: { readonly calls: CallCounts; readonly faults: Faults },
): void {
  const struck = new WeakMap<FastifyRequest, Strike>()

  app.addHook('onRequest', async (request, reply) => {
    const route = routeOf(request)
    if (route === null) return
    calls.add(route)
    const strike = faults.take(route)
    if (!strike) return
    if (!isAnswer(strike.fault)) {
      struck.set(request, strike)
      return
    }
    await strike.held
    await sendFault(strike.fault, reply)
  })

  app.addHook('onSend', async (request, reply, payload) => {
    const strike = struck.get(request)
    await strike?.held
    if (strike?.fault.dropResponse) reply.raw.destroy()
    return payload
  })
}
