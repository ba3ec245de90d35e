import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchemaValidationError,
} from 'fastify'
import { ApiError, badRequest, type ApiErrorCode } from '../base/api-errors.js'

const deepest = 32

/** Returns true if a value is nested too deeply. Later code walks values by recursion and would overflow the stack. */
function isTooDeep(value: unknown): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > deepest) return true
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []))
  }
  return false
}

/** Parses JSON bodies. An empty body of any type counts as no body: axios labels a POST without data as a form. */
export function parseBodies(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') return done(null)
    return parseJson(request, body, done)
  })
  app.addContentTypeParser<string>('*', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null)
    return done(new ApiError('unsupported-content-type'))
  })
  app.addHook('preValidation', (request, _reply, done) => {
    done(isTooDeep(request.body) ? badRequest(`body must not nest deeper than ${deepest} levels`) : undefined)
  })
}

/** Describes the first error of a schema validation in one line. */
export function describeInvalid(errors: readonly FastifySchemaValidationError[], part: string): ApiError {
  const first = errors[0]
  const place = `${part}${(first?.instancePath ?? '').replaceAll('/', '.')}`
  const unknown = first?.params['additionalProperty']
  const detail = typeof unknown === 'string' ? ` ("${unknown}")` : ''
  const code = first?.keyword === 'required' ? 'required-field-missing' : 'generic-message'
  return new ApiError(code, { message: `${place} ${first?.message ?? 'is invalid'}${detail}` })
}

/** The codes of fastify's own refusals, by status. */
const codeByStatus: Readonly<Record<number, ApiErrorCode>> = {
  413: 'request-too-large',
  415: 'unsupported-content-type',
}

/** Returns the error in the form of Memberstack. One that the caller did not cause is a bug of the emulator, and is named so. */
function toApiError(error: FastifyError | ApiError): ApiError {
  if (error instanceof ApiError) return error
  const { statusCode: status = 500, message } = error
  if (status < 400 || status >= 500)
    return new ApiError('emulator-bug', { message: `The emulator failed: ${message}` })
  return new ApiError(codeByStatus[status] ?? 'generic-message', { status, message })
}

/** Sends an error as `{code, message}`. */
export function sendError(error: FastifyError | ApiError, reply: FastifyReply): void {
  const { statusCode, code, message } = toApiError(error)
  void reply.code(statusCode).send({ code, message })
}

const unknownRoute = ({ method, url }: FastifyRequest): ApiError =>
  new ApiError('not-found', { message: `The emulator does not have ${method} ${url.split('?', 1)[0]}.` })

/** Answers every error, and every unknown route, in the form that the SDKs read. */
export function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError | ApiError>((error, _request, reply) => {
    sendError(error, reply)
  })
  app.setNotFoundHandler((request, reply) => {
    sendError(unknownRoute(request), reply)
  })
}
