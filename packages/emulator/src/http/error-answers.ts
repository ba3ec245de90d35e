import type { FastifyError, FastifyInstance, FastifyReply, FastifySchemaValidationError } from 'fastify'
import { ApiError } from '../api-error.js'

/** One clear line about the first thing that is wrong with a request. */
export function describeInvalid(errors: readonly FastifySchemaValidationError[], part: string): ApiError {
  const first = errors[0]
  const place = `${part}${(first?.instancePath ?? '').replaceAll('/', '.')}`
  const unknown = first?.params['additionalProperty']
  const detail = typeof unknown === 'string' ? ` ("${unknown}")` : ''
  const code = first?.keyword === 'required' ? 'required-field-missing' : 'generic-message'
  return new ApiError(400, code, `${place} ${first?.message ?? 'is invalid'}${detail}`)
}

const codeByStatus: Readonly<Record<number, string>> = {
  413: 'request-too-large',
  415: 'unsupported-content-type',
}

/** Answers a failure as `{code, message}`; what is not the caller's fault is a bug here and says so. */
export function sendError(error: FastifyError | ApiError, reply: FastifyReply): void {
  const status = error.statusCode ?? 500
  if (error instanceof ApiError) {
    void reply.code(status).send({ code: error.code, message: error.message })
  } else if (status >= 400 && status < 500) {
    void reply.code(status).send({ code: codeByStatus[status] ?? 'generic-message', message: error.message })
  } else {
    void reply.code(500).send({ code: 'emulator-bug', message: `The emulator failed: ${error.message}` })
  }
}

/** Gives every failure, and every unknown route, the shape that the SDKs read. */
export function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError | ApiError>((error, _request, reply) => {
    sendError(error, reply)
  })
  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?')
    sendError(new ApiError(404, 'not-found', `The emulator does not speak ${request.method} ${path}.`), reply)
  })
}
