import { answer } from './auth-paths.js'
import type { Operation, PathDescription, ResponseDescription } from './description.js'
import { describeRefusals } from './refusals.js'

const webhook: Operation = {
  operationId: 'receiveWebhook',
  summary: 'Receive a webhook of Memberstack',
  description:
    'Svix-signed events of 1 MiB at most. A deleted member or a lost plan ends sessions at once. Access tokens from before a change of roles or plans expire at once.',
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
    204: { description: 'Processed, now or earlier.' },
    ...describeRefusals([
      { code: 'AUTH_WEBHOOK_INVALID', when: 'the signature, timestamp or payload is not valid' },
      { code: 'AUTH_NOT_FOUND', when: 'no webhook secret is set' },
      { code: 'AUTH_METHOD_NOT_ALLOWED', when: 'another method' },
      { code: 'AUTH_REQUEST_TOO_LARGE', when: 'the body is over 1 MiB' },
      { code: 'AUTH_UNAVAILABLE', when: 'the event could not be stored; send it again' },
    ]),
  },
}

/** The paths outside of `/v1/auth`. */
export const servicePaths: Readonly<Record<string, PathDescription>> = {
  '/v1/webhooks/memberstack': { post: webhook },
  '/.well-known/jwks.json': {
    get: read('readKeySet', 'Read the key set of the access tokens', {
      200: answer('RFC 7517 §5. Empty in forward mode, where the upstream signs the tokens.', 'KeySet'),
      ...describeRefusals([{ code: 'AUTH_UNAVAILABLE', when: 'the store is unavailable' }]),
    }),
  },
  '/.well-known/openid-configuration': {
    get: read('readDiscovery', 'Find the issuer and the key set of the access tokens', {
      200: answer(
        'OpenID Connect Discovery 1.0 §3, RFC 8414 §2, as far as it concerns access tokens.',
        'Discovery',
      ),
      ...describeRefusals([
        { code: 'AUTH_NOT_FOUND', when: '`PERENNIAL_ISSUER` is not an http(s) URL, or in forward mode' },
      ]),
    }),
  },
  '/healthz': {
    get: read('readHealth', 'Check that the process is running', { 200: { description: 'It is running.' } }),
  },
  '/readyz': {
    get: read('readReadiness', 'Check that the service can serve requests', {
      200: { description: 'It can.' },
      ...describeRefusals([
        { code: 'AUTH_UNAVAILABLE', when: 'the store, or a key set that is needed, is unavailable' },
      ]),
    }),
  },
  '/metrics': {
    get: read('readMetrics', 'Read metrics for Prometheus', {
      200: {
        description: 'Prometheus text format.',
        content: { 'text/plain': { schema: { type: 'string' } } },
      },
      ...describeRefusals([{ code: 'AUTH_NOT_FOUND', when: 'in production, unless `METRICS=on`' }]),
    }),
  },
  '/openapi.json': {
    get: read('readDescription', 'Read this description', {
      200: {
        description: 'OpenAPI 3.1.',
        content: { 'application/json': { schema: { type: 'object' } } },
      },
    }),
  },
  '/docs': {
    get: read('readDocs', 'Read this description as a page', {
      200: { description: 'A page.', content: { 'text/html': { schema: { type: 'string' } } } },
      ...describeRefusals([{ code: 'AUTH_NOT_FOUND', when: 'in production, unless `DOCS=on`' }]),
    }),
  },
}

function read(
  operationId: string,
  summary: string,
  responses: Readonly<Record<string, ResponseDescription>>,
): Operation {
  return { operationId, summary, description: '', tags: ['service'], security: [], responses }
}
