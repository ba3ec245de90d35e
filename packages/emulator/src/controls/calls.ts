import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isAnswer, type ActiveFault, type Fault, type Faults } from './faults.js'

/** The number of calls of each route. */
export interface CallCounts {
  add(route: string): void
  /** Returns the counts by route name, such as `GET /members/:idOrEmail`. A route without calls is not in it. */
  read(): Record<string, number>
  reset(): void
}

/** Creates counts that begin at zero. */
export function createCallCounts(): CallCounts {
  const counts = new Map<string, number>()
  return {
    add(route) {
      counts.set(route, (counts.get(route) ?? 0) + 1)
    },
    read: () => Object.fromEntries(counts),
    reset: () => counts.clear(),
  }
}

/** Returns the name of the called route, or null if the call is not counted: a test route, a preflight, an unknown path. */
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

/** Counts every call when it arrives and applies the faults. */
export function controlCalls(
  app: FastifyInstance,
  { calls, faults }: { readonly calls: CallCounts; readonly faults: Faults },
): void {
  const active = new WeakMap<FastifyRequest, ActiveFault>()

  app.addHook('onRequest', async (request, reply) => {
    const route = routeOf(request)
    if (route === null) return
    calls.add(route)
    const taken = faults.take(route)
    if (!taken) return
    if (!isAnswer(taken.fault)) {
      active.set(request, taken)
      return
    }
    await taken.delayed
    await sendFault(taken.fault, reply)
  })

  app.addHook('onSend', async (request, reply, payload) => {
    const taken = active.get(request)
    await taken?.delayed
    if (taken?.fault.dropResponse) reply.raw.destroy()
    return payload
  })
}
