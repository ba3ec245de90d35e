export { proxy } from './perennial'

/** All pages. Static files and the routes of `/v1/auth` need no member. */
export const config = { matcher: ['/((?!_next/|v1/|.*\\.).*)'] }
