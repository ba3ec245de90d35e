import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import type { FastifyHttpOptions } from 'fastify'
import type { Config } from '../config/index.js'

/** Returns true if the proxy at this position, counted from us, is trusted. */
type TrustProxy = false | string[] | ((address: string, hop: number) => boolean)

/** Returns the options of Fastify that concern connections, proxies and request ids. */
export function serverOptions({ trustProxy }: Pick<Config, 'trustProxy'>) {
  return {
    requestTimeout: 15_000,
    // Longer than the idle timeout of common load balancers, so that they close first.
    keepAliveTimeout: 72_000,
    // Node's own refusal of a request without Host has neither the shape nor the headers of our errors.
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 5000, requireHostHeader: false },
    trustProxy: trustProxyOf(trustProxy),
    requestIdHeader: false,
    genReqId: (request) => readRequestId(request.headers['x-request-id']),
    // During shutdown, requests on open connections are still served.
    return503OnClosing: false,
    // Without compilers Fastify would load ajv, and no route here has a schema.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
  } as const satisfies FastifyHttpOptions<Server>
}

/** Fastify reads a number in a way that trusts no proxy; operators mean the number of hops. */
function trustProxyOf(setting: number | readonly string[]): TrustProxy {
  if (typeof setting !== 'number') return [...setting]
  return setting === 0 ? false : (_address, hop) => hop < setting
}

/** Too short for a token, and limited to harmless characters: the id is logged and sent back. */
const acceptableId = /^[A-Za-z0-9_-]{8,36}$/

/** Returns the caller's `x-request-id` if it is acceptable, else a new one. */
function readRequestId(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' && acceptableId.test(header) ? header : randomUUID()
}

function noCompiler() {
  return () => {
    throw new TypeError('no route of this service has a schema')
  }
}
