// The page loads the file of the client's package under this name.
export { dpop } from '@perennial/client/dpop'
