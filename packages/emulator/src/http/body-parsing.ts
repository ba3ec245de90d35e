import type { FastifyInstance } from 'fastify'
import { ApiError, badRequest } from '../api-error.js'

const deepest = 32

/** Whether a value nests deeper than anything sensible does; walking such a value by recursion would end the process. */
function isTooDeep(value: unknown): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > deepest) return true
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []))
  }
  return false
}

/** Reads JSON bodies, and takes an empty body of any type for none: axios labels a POST without data as a form. */
export function parseBodies(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') return done(null)
    return parseJson(request, body, done)
  })
  app.addContentTypeParser<string>('*', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null)
    return done(
      new ApiError(415, 'unsupported-content-type', 'Send JSON, with content-type application/json.'),
    )
  })
  app.addHook('preValidation', (request, _reply, done) => {
    done(isTooDeep(request.body) ? badRequest(`body must not nest deeper than ${deepest} levels`) : undefined)
  })
}
