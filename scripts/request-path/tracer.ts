import { AsyncLocalStorage } from 'node:async_hooks'
import type { RequestHandler } from 'express'
import type { Trace } from './trace-functions.ts'

/** Collects the files that each request passes. */
export interface Tracer {
  /** Gets the path of a file whenever one of its functions begins to run. */
  readonly trace: Trace
  /** Stands before the routes: all that a request causes from here to the end of its response is its own. */
  readonly middleware: RequestHandler
  /** Returns the trace of the request that began last. */
  readonly lastTrace: () => readonly string[]
}

/** Creates a tracer that attributes a function to a request by the asynchronous context: timers and other requests do not count. */
export function createTracer(): Tracer {
  const storage = new AsyncLocalStorage<{ paths: string[]; isOpen: boolean }>()
  let last: readonly string[] = []
  return {
    trace(path) {
      const request = storage.getStore()
      if (request?.isOpen) request.paths.push(path)
    },
    middleware(_request, response, next) {
      const own = { paths: [], isOpen: true }
      last = own.paths
      response.once('finish', () => (own.isOpen = false))
      storage.run(own, next)
    },
    lastTrace: () => last,
  }
}
