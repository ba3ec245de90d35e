// Without a matcher: every path, those of static files and of `/_next/` too.
export { proxy } from './perennial'
