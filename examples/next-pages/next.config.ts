import type { NextConfig } from 'next'

const config: NextConfig = {
  cacheComponents: true,
  partialPrefetching: true,
  // Without it the proxy cannot tell a prefetch of the router from a visit.
  skipProxyUrlNormalize: true,
  serverExternalPackages: ['@perennial/auth'],
}

export default config
