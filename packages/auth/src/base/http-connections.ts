import type * as Undici from 'undici'
import type { Dispatcher } from 'undici'
import { isLoopback } from './formats.js'

/** The proxies of outgoing calls. Calls to loopback addresses go through none. */
export interface ProxySettings {
  /** `http://` or `https://` URL, with a user and password if needed, of the proxy for `https` addresses. @defaultValue `httpProxy` */
  readonly httpsProxy?: string | undefined
  /** The proxy for `http` addresses. */
  readonly httpProxy?: string | undefined
  /** Host names, domains (`.example.com`) and addresses that are called directly, separated by commas; `*` for all. */
  readonly noProxy?: string | undefined
}

/** Options for opening connections. */
export interface ConnectionOptions {
  /** The most connections to one origin. More calls than that wait for a free one. @defaultValue 128 */
  readonly connectionsPerOrigin?: number | undefined
  /** The longest a connection may take to open, TLS included, in seconds. @defaultValue 4 */
  readonly connectTimeoutSeconds?: number | undefined
  /** @defaultValue none: every call is direct */
  readonly proxy?: ProxySettings | undefined
}

/** Unused connections are closed early, so that a server rarely closes one while a request is written to it. */
const keepAliveMs = 4000

/** Opens connections to one origin, directly or through the proxy that the settings name for it. */
export function createDispatcher(
  undici: typeof Undici,
  { origin, hostname }: URL,
  { connectionsPerOrigin = 128, connectTimeoutSeconds = 4, proxy = {} }: ConnectionOptions,
): Dispatcher {
  const connectTimeout = connectTimeoutSeconds * 1000
  const options = {
    connections: connectionsPerOrigin,
    connectTimeout,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    // In HTTP/2 several calls share a connection, and whether one of them was written is not reported exactly.
    allowH2: false,
  }
  const { httpProxy = '', httpsProxy = '', noProxy = '' } = proxy
  if ((!httpProxy && !httpsProxy) || isLoopback(hostname)) return new undici.Pool(origin, options)
  return new undici.EnvHttpProxyAgent({
    ...options,
    // Empty rather than undefined: undici would read the environment.
    httpProxy,
    httpsProxy,
    noProxy,
    // A proxy that accepts the connection and does not answer `CONNECT` counts as a connection that does not open.
    clientFactory: (url, connection) =>
      new undici.Pool(url, { ...connection, headersTimeout: connectTimeout }),
  })
}

/**
 * Checks the addresses of the proxies. The message leaves the value out: it can hold a password.
 * @throws TypeError if one is not an http(s) URL of a host
 */
export function checkProxy({ httpProxy, httpsProxy }: ProxySettings): void {
  for (const [name, url] of Object.entries({ httpProxy, httpsProxy })) {
    if (url === undefined || url === '' || isProxyUrl(url)) continue
    throw new TypeError(
      `proxy.${name} is not the http(s) URL of a proxy, such as http://proxy.example.com:3128`,
    )
  }
}

/** Returns true for an http(s) URL that names a host, a port and credentials at most. */
export function isProxyUrl(text: string): boolean {
  if (!/^https?:\/\//i.test(text)) return false
  const url = URL.parse(text)
  return url !== null && url.pathname === '/' && url.search === '' && url.hash === '' && hasDecodableUser(url)
}

function hasDecodableUser({ username, password }: URL): boolean {
  try {
    decodeURIComponent(`${username}${password}`)
    return true
  } catch {
    return false
  }
}
