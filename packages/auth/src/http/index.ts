/** The door of the http room: the routes of `/v1/auth` and the webhook for every framework, and the authentication of a request. */
export {
  maxBodyBytes,
  type AuthRequest,
  type AuthResponse,
  type BodyReading,
  type Credentials,
} from './auth-request.js'
export { authenticateAndFinish, createAfterAnswer } from './after-answer.js'
export { answerJwks, errorResponse } from './auth-response.js'
export { createAdminRoutes } from './admin-routes.js'
export { createAuthRoutes } from './routes.js'
export { createAuthenticator, emitFailures, emitSuccesses, settle } from './authenticate.js'
export { createAuthEndpoint, createWebhookEndpoint } from './endpoints.js'
export { checkRoleNames, checkRoles, createRoleCheck, grantKey, grantTo, type Grant } from './roles.js'
export type { Authenticated, Perennial, RequestAuthenticator } from './perennial.js'
export { createVerifier, type Verifier, type VerifierOptions } from './verifier.js'
export { createPageRules, readCookie, replaceCookies, type PageRules } from './cookies.js'
export { createBodyTransport, createCookieTransport } from './refresh-token-transport.js'
