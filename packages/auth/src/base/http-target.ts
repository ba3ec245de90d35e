/** The parts of a URL that differ from call to call. */
export interface Target {
  readonly origin: string
  readonly path: string
  /** The `Authorization` header made of the URL's user and password, if it has any (RFC 7617). */
  readonly authorization?: string
}

/** Reads the address of a request. @throws TypeError if it is not an http(s) URL */
export function readUrl(address: string): URL {
  const url = URL.parse(address)
  if (!url || !/^https?:$/.test(url.protocol)) throw malformed()
  return url
}

/** Returns the target of a URL. @throws TypeError if its user or password is not encoded correctly */
export function targetOf(url: URL): Target {
  const { origin, pathname, search } = url
  const target = { origin, path: pathname + search }
  if (url.username === '' && url.password === '') return target
  return { ...target, authorization: `Basic ${Buffer.from(credentialsOf(url)).toString('base64')}` }
}

function credentialsOf({ username, password }: URL): string {
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  } catch {
    throw malformed()
  }
}

/** Reports a mistake of the caller. The value is left out. */
export function malformed(cause?: Error): TypeError {
  return new TypeError('the HTTP request is malformed', cause ? { cause } : {})
}
