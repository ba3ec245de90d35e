import process from 'node:process'
import type { NextConfig } from 'next'

const config: NextConfig = {
  // Empty, unless the site is mounted at a path such as `/shop`.
  basePath: process.env['NEXT_PUBLIC_BASE_PATH'],
  cacheComponents: true,
  partialPrefetching: true,
  // Without it the proxy cannot tell a prefetch of the router from a visit.
  skipProxyUrlNormalize: true,
  serverExternalPackages: ['@perennial/auth'],
}

export default config
