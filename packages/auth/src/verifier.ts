/** The door of `@perennial/auth/verifier`: access tokens are verified beside the service that issues them. */
export { createVerifier, type Verifier, type VerifierOptions } from './http/index.js'
