import { answer } from './auth-paths.js'
import type { Operation, PathDescription, ResponseDescription } from './description.js'
import { describeRefusals } from './refusals.js'

const webhook: Operation = {
  operationId: 'receiveWebhook',
  summary: 'What Memberstack reports',
  description:
    'Svix-signed events. A deleted member or a lost plan ends sessions at once; other events refresh what is kept of a member.',
  tags: ['service'],
  security: [],
  parameters: ['svix-id', 'svix-timestamp', 'svix-signature'].map((name) => ({
    name,
    in: 'header',
    required: true,
    schema: { type: 'string' },
  })),
  requestBody: { required: true, content: { 'application/json': { schema: { type: 'object' } } } },
  responses: {
    204: { description: 'Done, or done before.' },
    ...describeRefusals([
      { code: 'AUTH_WEBHOOK_INVALID', when: 'signature, time or shape is wrong' },
      { code: 'AUTH_NOT_FOUND', when: 'no webhook secret is set' },
      { code: 'AUTH_METHOD_NOT_ALLOWED', when: 'another method' },
      { code: 'AUTH_REQUEST_TOO_LARGE', when: 'the body is too large' },
      { code: 'AUTH_UNAVAILABLE', when: 'it could not be stored; send it again' },
    ]),
  },
}

/** Beside `/v1/auth`. */
export const servicePaths: Readonly<Record<string, PathDescription>> = {
  '/v1/webhooks/memberstack': { post: webhook },
  '/.well-known/jwks.json': {
    get: look('readKeySet', 'The keys of our access tokens', {
      200: answer('RFC 7517 §5. Empty in forward mode, whose tokens are not ours.', 'KeySet'),
      ...describeRefusals([{ code: 'AUTH_UNAVAILABLE', when: 'the store is away' }]),
    }),
  },
  '/healthz': { get: look('readHealth', 'Whether the process lives', { 200: { description: 'It does.' } }) },
  '/readyz': {
    get: look('readReadiness', 'Whether it can do its work', {
      200: { description: 'It can.' },
      ...describeRefusals([{ code: 'AUTH_UNAVAILABLE', when: 'a store or key set that is needed is away' }]),
    }),
  },
  '/metrics': {
    get: look('readMetrics', 'Figures for Prometheus', {
      200: { description: 'In the text format.', content: { 'text/plain': { schema: { type: 'string' } } } },
      ...describeRefusals([{ code: 'AUTH_NOT_FOUND', when: 'in production, unless `METRICS=on`' }]),
    }),
  },
  '/openapi.json': {
    get: look('readDescription', 'This description', {
      200: {
        description: 'OpenAPI 3.1.',
        content: { 'application/json': { schema: { type: 'object' } } },
      },
    }),
  },
  '/docs': {
    get: look('readDocs', 'This description, for people', {
      200: { description: 'A page.', content: { 'text/html': { schema: { type: 'string' } } } },
      ...describeRefusals([{ code: 'AUTH_NOT_FOUND', when: 'in production, unless `DOCS=on`' }]),
    }),
  },
}

function look(
  operationId: string,
  summary: string,
  responses: Readonly<Record<string, ResponseDescription>>,
): Operation {
  return { operationId, summary, description: '', tags: ['service'], security: [], responses }
}
